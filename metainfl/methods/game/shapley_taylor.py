"""Shapley-Taylor interaction index of order k (003, eq. 21; Sundararajan et al. 2020).

    |A| = k:  I(A) = (k/n) sum_{D without A} delta_A(D) / C(n-1, |D|)
    |A| < k:  I(A) = delta_A(empty)
The survey prints the first line for every A; it holds for |A| = k, the order of the index, only: used for
smaller groups too, efficiency is lost. With both lines sum_{0 < |A| <= k} I(A) = v(N) - v(empty).
Estimand: itself; k = 1 is the Shapley value. Sign: positive = together they are worth more than apart.
Scale: that of v. Cost: 2^n values, or 2^k a group and draw, and those of up to k - 1 players.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from metainfl.games.asking import Asking
from metainfl.games.discrete import averaged, derivative, groups_of
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.games.stop import Stop


def shapley_taylor(
    game: Game,
    order: int = 2,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """I(A) for every group of up to `order` players, small groups first: rows as `Estimate.groups`.

    (groups,) or (groups, targets). Exact without `samples` and `stop`; with them the groups of full order
    are sampled, unbiased, and smaller ones stay exact.
    """
    ask = Asking(game)
    n, empty = ask.n, np.zeros((1, ask.n), dtype=bool)
    full = groups_of(n, order)
    small = [g for size in range(1, order) for g in groups_of(n, size)]
    known = [derivative(ask, g, empty)[0] for g in small]
    d = np.arange(n - order + 1)
    sizes = np.array([comb(n - order, s) * order / (n * comb(n - 1, s)) for s in d])
    found = averaged(ask, full, sizes, samples=samples, stop=stop, seed=seed)
    if not small:
        return found
    values = np.concatenate([np.array(known), found.values])
    errors = np.concatenate([np.zeros_like(np.array(known)), found.errors])
    costs: Any = {"level": found.level, "degrees": found.degrees, "looks": found.looks}
    return ask.estimate(
        values, errors, small + full, units=found.units, stopped=found.stopped, **costs
    )
