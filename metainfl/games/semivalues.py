"""Values that are averages of marginals by the subset's size: over all subsets, or over drawn ones.

    phi_i = sum_{S without i} w(|S|) [v(S + i) - v(S)],      sum_s C(n-1, s) w(s) = 1

Shapley, Beta-Shapley, Banzhaf and AME differ in w alone.
"""

from __future__ import annotations

from math import comb

import numpy as np

from metainfl.games.asking import Asking
from metainfl.games.discrete import averaged, groups_of
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game
from metainfl.games.samplers import all_subsets
from metainfl.games.stop import Stop


def enumerated(game: Game, weights: Array) -> Estimate:
    """Phi (n,) or (n, targets), exactly, for weights w(0..n-1) (n,): 2^n values."""
    ask = Asking(game)
    masks = all_subsets(ask.n)
    values = ask.many(masks)
    size = masks.sum(axis=1)
    gain = np.append(weights, 0.0)[size]  # of S without i
    loss = np.append(0.0, weights)[size]  # of S with i: it is S' + i with |S'| one less
    rows = np.where(masks.T, loss, -gain)
    return ask.estimate(np.tensordot(rows, values, axes=1))


def drawn(
    game: Game, weights: Array, *, samples: int | None, seed: int, stop: Stop | None
) -> Estimate:
    """Phi from marginals at subsets drawn for each player, |S| = s with chance C(n-1, s) w(s): unbiased.

    2 n values a unit. No marginal carries a weight, so that errors hold where w is far from Shapley's.
    """
    ask = Asking(game)
    n = ask.n
    sizes = weights * np.array([float(comb(n - 1, s)) for s in range(n)])
    return averaged(ask, groups_of(n, 1), sizes, samples=samples, stop=stop, seed=seed)
