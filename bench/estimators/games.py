"""Trials of estimators that read a game v(S): enumerated where they define, sampled where they estimate."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np

from bench.estimators.ground_games import Played, Squared
from bench.estimators.grounds import ground
from bench.estimators.trial import Trial
from metainfl.data.digits import principal_pixels
from metainfl.games import Table, neighbours
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl_reference.answer import Answer
from metainfl_reference.estimands import subsampling, values

SAMPLES = {"samples": 256, "seed": 0}
RATE = 0.05
PLAYERS = (8, 10, 12)


class Neighbours:
    """Ten digits of three classes that two components mix up, and one target; three neighbours vote."""

    def __init__(self, n=10):
        x, labels = principal_pixels(2)
        rows = np.flatnonzero(labels > 6)[: n + 1]
        x, y = x[rows], labels[rows]
        self.data = x[1:], y[1:], x[:1], y[:1], 3
        self.game = Table(neighbours(*self.data).many(all_subsets(n))[:, 0])
        self.removal = methods.leave_one_out(self.game).values


def over(truth, *, effect=True, kind=Played, **options):
    """A trial on tasks of digits; its cost is the subsets that it asks the value of.

    A value is positive where a player helps: it is what the player's removal is expected to cost.
    """

    def call(method, g):
        found = method(g.game, **options)
        return getattr(found, "weights", found)

    return Trial(
        partial(ground, kind), call, truth, (lambda _, found: found.values) if effect else None,
        partial(ground, kind), {"n": PLAYERS}, "values of subsets",
        count=lambda found: found.calls, value=lambda found: found.values,
    )  # fmt: skip


def reference(of, *args):
    """An estimand of `metainfl_reference`, column by column where there is a target for each player."""

    def truth(g):
        v = g.game.values
        if v.ndim == 1:
            return of(Answer.exactly(v), *args).value
        return np.stack([of(Answer.exactly(c), *args).value for c in v.T])[None]

    return truth


def enumerated(method, **options):
    """Where the reference has no name for it: over all subsets, which tests hold to the formula."""

    def truth(g):
        found = method(g.game, **options)
        return getattr(found, "weights", found).values

    return truth


def pairs(g):
    """Leave-two-out by its definition."""
    v, full = g.game.values, 2**g.game.n - 1
    both = combinations(range(g.game.n), 2)
    return np.array([v[full] - v[full & ~(1 << i | 1 << j)] for i, j in both])


def own_memory(g):
    """What each player does for itself."""
    columns = [Answer.exactly(c) for c in g.game.values.T]
    return np.array([subsampling.memorisation(c, i, 4).value for i, c in enumerate(columns)])


def closed_form(truth):
    """Nearest neighbours: sorting, so that no value of a subset is asked for."""
    return Trial(
        partial(ground, Neighbours),
        lambda f, g: f(*g.data).values[:, 0],
        truth,
        lambda _, found: found,
    )


def one_step(method, g):
    """The game after one step of descent from the minimiser of the others' regulariser, all of it."""
    start = np.zeros(g.problem.n_meta)
    return method(g.problem, g.targets, RATE, start=g.problem.lam.new_tensor(start), **SAMPLES)


def one_step_exactly(g):
    """All orders of the same game."""
    start = g.problem.lam.new_zeros(g.problem.n_meta)
    return methods.gradient_shapley(g.problem, g.targets, RATE, start=start).values


SHAPLEY = reference(values.shapley)
GRADIENT = Trial(
    partial(ground, Played), one_step, one_step_exactly, lambda _, found: found.values[:, 0],
    partial(ground, Played), {"n": PLAYERS}, "values of subsets",
    count=lambda found: found.calls, value=lambda found: found.values,
)  # fmt: skip
TRIALS = {
    "leave_one_out": over(lambda g: g.removal),
    "leave_m_out": over(pairs, effect=False, m=2),
    "downsampling": over(reference(subsampling.downsampling, 5), m=5, **SAMPLES),
    "feldman_zhang": over(reference(subsampling.expected_removal, 5), m=5, **SAMPLES),
    "memorisation": over(own_memory, effect=False, kind=Squared, m=4, **SAMPLES),
    "consistency_profile": over(
        reference(subsampling.consistency_profile, 4), effect=False, kind=Squared, m=4, **SAMPLES
    ),
    "c_score": over(reference(subsampling.c_score), effect=False, kind=Squared, **SAMPLES),
    "shapley": over(SHAPLEY),
    "shapley_permutations": over(SHAPLEY, **SAMPLES),
    "tmc_shapley": over(SHAPLEY, tolerance=0.05, **SAMPLES),
    "group_testing": over(SHAPLEY, **SAMPLES),
    "beta_shapley": over(reference(values.beta_shapley, 16.0, 1.0), a=16.0, b=1.0, **SAMPLES),
    "banzhaf": over(reference(values.banzhaf)),
    "banzhaf_msr": over(reference(values.banzhaf), **SAMPLES),
    "ame": over(enumerated(methods.ame), **SAMPLES),
    "datamodel": over(
        enumerated(methods.datamodel, size=5, penalty=0.0), size=5, penalty=0.0, **SAMPLES
    ),
    "gradient_shapley": GRADIENT,
    "knn_leave_one_out": closed_form(lambda g: g.removal),
    "knn_shapley": closed_form(lambda g: methods.shapley(g.game).values),
    "shapley_interaction": over(enumerated(methods.shapley_interaction), effect=False, **SAMPLES),
    "shapley_taylor": over(enumerated(methods.shapley_taylor), effect=False, **SAMPLES),
}
