"""Consistency profile and C-score (003, eqs 15 and 16; Jiang et al. 2021): how easily a target is learnt.

    C_m = E_{|D| = m} v(D),        C = mean_{m = 1..n} C_m,        v = -loss
Estimand: these expectations, over all players as one group. Sign: large = EASY; the survey's sentence
"a large C-score entails that z is harder" contradicts its own eqs 15 and 16. Scale: that of v. Cost: one
value a subset; sizes are strata, so between them nothing is left to chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.games.account import Mean, Result
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game, players_of
from metainfl.games.samplers import draw_of_size, size_in, subsets_of_size
from metainfl.games.sampling import sample, wanted
from metainfl.games.stop import Stop


def consistency_profile(
    game: Game,
    m: int,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """C_m as one row (1,) or (1, targets); all C(n, m) subsets without `samples` and `stop`."""
    size_in(m, 0, players_of(game))
    return _over(game, [m], samples, seed, stop)


def c_score(
    game: Game, *, samples: int | None = None, seed: int = 0, stop: Stop | None = None
) -> Estimate:
    """C as one row (1,) or (1, targets); a unit draws one subset of each size.

    All of the players are one subset only: that size is computed once, and adds no error.
    """
    return _over(game, list(range(1, players_of(game) + 1)), samples, seed, stop)


def _over(
    game: Game, sizes: list[int], samples: int | None, seed: int, stop: Stop | None
) -> Estimate:
    ask = Asking(game)
    n, all_of_them = ask.n, [tuple(range(players_of(game)))]
    if not wanted(samples, stop):
        means = [ask.many(subsets_of_size(n, m)).mean(axis=0) for m in sizes]
        return ask.estimate(np.mean(means, axis=0)[None], groups=all_of_them)
    strata = _Strata(len(sizes))

    def draw(rng: np.random.Generator, k: int) -> None:
        values = ask.many(np.concatenate([draw_of_size(rng, n, m, k) for m in sizes]))
        strata.add(values.reshape(len(sizes), k, *values.shape[1:]))

    made: Any = {"samples": samples, "stop": stop, "seed": seed, "groups": all_of_them}
    return sample(ask, draw, strata, cost=len(sizes), **made)


class _Strata:
    """The mean of the means of independent strata."""

    def __init__(self, k: int) -> None:
        self.parts = [Mean() for _ in range(k)]

    def add(self, values: Array) -> None:
        for part, rows in zip(self.parts, values, strict=True):
            part.add(rows[:, None])

    def result(self) -> Result:
        found = [part.result() for part in self.parts]
        mean = np.mean([r[0] for r in found], axis=0)
        error = np.sqrt(np.sum([r[1] ** 2 for r in found], axis=0)) / len(found)
        return mean, error, found[0][2]
