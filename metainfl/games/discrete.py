"""Discrete derivatives: what a group does beyond its parts, at a subset or averaged over subsets.

delta_A(D) = sum_{B in A} (-1)^{|A| - |B|} v(D + B)          D without A; |A| = 1: the marginal
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.account import Mean
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate, Group
from metainfl.games.game import Array, Masks
from metainfl.games.samplers import all_subsets
from metainfl.games.sampling import sample, wanted
from metainfl.games.stop import Stop


def groups_of(n: int, order: int) -> list[Group]:
    """All groups of `order` players in lexicographic order; raises `InvalidOption` for a bad order."""
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= n:
        raise InvalidOption(f"an order lies between 1 and the number of players {n}, got {order!r}")
    return list(combinations(range(n), order))


def derivative(ask: Asking, group: Group, bases: Masks) -> Array:
    """Delta_A at each base (k, n) without A: (k,) or (k, targets); 2^|A| values a base."""
    subsets = all_subsets(len(group))
    masks = np.repeat(bases[:, None], len(subsets), axis=1)
    masks[:, :, list(group)] = subsets
    values = ask.many(masks.reshape(-1, ask.n))
    values = values.reshape(len(bases), len(subsets), *values.shape[1:])
    sign = (-1.0) ** (len(group) - subsets.sum(axis=1))
    return (
        np.tensordot(values, sign, axes=(1, 0))
        if values.ndim == 2
        else np.einsum("kst,s->kt", values, sign)
    )


def averaged(
    ask: Asking,
    groups: list[Group],
    sizes: Array,
    *,
    samples: int | None,
    stop: Stop | None,
    seed: int,
) -> Estimate:
    """E delta_A(D) for each group, |D| drawn by `sizes` (n - |A| + 1,), D uniform given its size.

    Without samples over all D. Groups are of one order; a unit draws one D for every group.
    """
    n, order = ask.n, len(groups[0])
    others = [[i for i in range(n) if i not in set(g)] for g in groups]
    if not wanted(samples, stop):
        inner = all_subsets(n - order)
        size = inner.sum(axis=1)
        chance = sizes[size] / np.array([comb(n - order, s) for s in size])
        rows = []
        for g, rest in zip(groups, others, strict=True):
            bases = np.zeros((len(inner), n), dtype=bool)
            bases[:, rest] = inner
            rows.append(np.tensordot(chance, derivative(ask, g, bases), axes=1))
        return ask.estimate(np.array(rows), groups=groups)
    account = Mean()
    reach = np.cumsum(sizes)

    def draw(rng: np.random.Generator, k: int) -> None:
        u = rng.random((k, len(groups), n - order + 1))
        size = np.minimum(np.searchsorted(reach, u[:, :, 0]), n - order)
        inner = u[:, :, 1:].argsort(axis=2).argsort(axis=2) < size[:, :, None]
        found = []
        for a, (g, rest) in enumerate(zip(groups, others, strict=True)):
            bases = np.zeros((k, n), dtype=bool)
            bases[:, rest] = inner[:, a]
            found.append(derivative(ask, g, bases))
        account.add(np.stack(found, axis=1))

    made: Any = {"samples": samples, "stop": stop, "seed": seed, "groups": groups}
    return sample(ask, draw, account, cost=len(groups) * 2**order, **made)
