"""Enumerated values by another enumeration: all orders, listed subsets, another formula."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from metainfl_reference.estimands import knn_shapley, removal, subsampling, values
from metainfl_reference.family import targets
from metainfl_reference.generators import small
from metainfl_reference.perturbation import group, task
from metainfl_reference.routes.agreement import Agreement, compare

Array = np.ndarray


def enumerated() -> Iterator[Agreement]:
    """Shapley, Beta-Shapley, Banzhaf and leave-m-out of a game of five tasks."""
    family = small("proximal_ridge", 1)
    at, name = family.solve(), family.name
    target = targets(small(name, 9).episodes)[0]
    game = values.game(family, target, at)
    v, n = game.value, values.players(game)
    shapley = values.shapley(game)
    yield compare(name, "Shapley", "all orders", shapley, values.by_permutations(game), 1e-12)
    total = game.mapped(np.eye(2**n)[-1] - np.eye(2**n)[0])
    yield compare(name, "Shapley", "efficiency", total, float(np.sum(shapley.value)), 1e-12)
    beta = values.beta_shapley(game, 1, 1)
    yield compare(name, "Beta(1, 1)-Shapley", "Shapley", beta, shapley.value, 1e-12)
    has = [(np.arange(2**n) >> i) & 1 == 1 for i in range(n)]
    means = np.array([v[h].mean() - v[~h].mean() for h in has])
    banzhaf = values.banzhaf(game)
    yield compare(name, "Banzhaf", "mean with minus without", banzhaf, means, 1e-12)
    pair = group([task(1), task(3)])
    solved = removal.score(family, target, at, removal.exact(family, pair, at))
    both = values.leave_out(game, 2)[1, 3]
    yield compare(name, "leave-two-out", "removal of a group", both, solved.value, 1e-12)


def subsets() -> Iterator[Agreement]:
    """Expectations over random subsets, each subset listed one by one."""
    family = small("proximal_ridge", 1)
    at, name = family.solve(), family.name
    game = values.game(family, targets(small(name, 9).episodes)[0], at)
    v, n = game.value, values.players(game)
    mean = np.mean([subsampling.expected_removal(game, m).value for m in range(n)], axis=0)
    yield compare(
        name, "expected removal", "Shapley, mean over m", values.shapley(game), mean, 1e-12
    )
    found, listed = subsampling.downsampling(game, 3), _contrast(v, n, 3)
    yield compare(name, "Downsampling", "listed subsets", found, listed, 1e-12)
    by_size = np.array([np.mean([v[s] for s in _drawn(n, m)]) for m in range(1, n + 1)])
    profile = subsampling.consistency_profile(game, 3)
    yield compare(name, "consistency profile", "listed subsets", profile, by_size[2], 1e-12)
    score = subsampling.c_score(game)
    yield compare(name, "C-score", "listed subsets", score, by_size.mean(), 1e-12)
    own = values.game(family, targets(family.episodes)[2], at)
    found = subsampling.memorisation(own, 2, 4)
    target = targets(family.episodes)[2]
    solved = removal.score(family, target, at, removal.exact(family, task(2), at))
    yield compare(name, "memorisation", "removal, own loss", found, solved.value, 1e-11)


def nearest() -> Iterator[Agreement]:
    """k-NN Shapley in closed form against enumeration."""
    match = np.array([1.0, 0, 1, 1, 0, 0, 1])
    for k in (1, 3, 5):
        enumerated = values.shapley(knn_shapley.game(match, k)).value
        closed = knn_shapley.closed_form(match, k)
        yield compare("k-NN", f"k-NN Shapley, k = {k}", "enumeration", closed, enumerated, 1e-12)


def _drawn(n: int, m: int) -> list[int]:
    return [sum(1 << i for i in c) for c in combinations(range(n), m)]


def _contrast(v: Array, n: int, m: int) -> Array:
    """Mean value of the subsets of size m with i, minus that of those without."""
    drawn = _drawn(n, m)
    inside = [[s for s in drawn if s >> i & 1] for i in range(n)]
    outside = [[s for s in drawn if not s >> i & 1] for i in range(n)]
    return np.array([v[a].mean() - v[b].mean() for a, b in zip(inside, outside, strict=True)])
