"""Shapley value by group testing (Jia et al. 2019, Algorithm 1, with the sum as a projection).

    phi_i = [v(N) - v(empty)]/n + E_S Z (v(S) - c) (1[i in S] - |S|/n)
|S| drawn with q(s) ~ 1/s + 1/(n-s) on 1..n-1, Z their sum, c = [v(N) + v(empty)]/2: the differences
phi_i - phi_j are estimated for all pairs from the same tests, and the sum is known. Estimand: the Shapley
value, unbiased, efficient at any number of tests. (Jia et al. ask for any phi within epsilon of all the
differences; this is the one of least squares.) Sign, scale: those of v. Cost: one value a test, and two.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from metainfl.games.account import Mean
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game, Masks
from metainfl.games.samplers import all_subsets, draw_testing, testing_sizes
from metainfl.games.sampling import sample, wanted
from metainfl.games.stop import Stop


def group_testing(
    game: Game, *, samples: int | None = None, seed: int = 0, stop: Stop | None = None
) -> Estimate:
    """Phi (n,) or (n, targets) from `samples` tests; all 2^n subsets, exact, without it."""
    ask = Asking(game)
    n = ask.n
    q, z = testing_sizes(n)
    ends = ask.many(np.array([[False] * n, [True] * n]))
    share, centre = (ends[1] - ends[0]) / n, ends.mean(axis=0)

    def tests(masks: Masks) -> Array:
        """One test's say about every player (k, n, ...)."""
        tilt = masks - masks.mean(axis=1, keepdims=True)
        off = z * (ask.many(masks) - centre)
        return share + tilt.reshape(*tilt.shape, *[1] * (off.ndim - 1)) * off[:, None]

    if not wanted(samples, stop):
        masks = all_subsets(n)[1:-1]
        size = masks.sum(axis=1)
        chance = q[size - 1] / np.array([comb(n, s) for s in size])
        return ask.estimate(np.tensordot(chance, tests(masks), axes=1))
    account = Mean()

    def draw(rng: np.random.Generator, k: int) -> None:
        account.add(tests(draw_testing(rng, n, k)))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    return sample(ask, draw, account, cost=1, **made)
