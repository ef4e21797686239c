"""Shapley value (003, eqs 17 and 18), by all subsets.

    phi_i = (1/n) sum_{S without i} [v(S + i) - v(S)] / C(n-1, |S|)
Estimand: itself; efficient (sum phi = v(N) - v(empty)), symmetric, null-player, linear. Sign: positive =
the data helped, for v = -loss. Scale: that of v. Cost: 2^n values, up to 20 players.
"""

from __future__ import annotations

from math import comb

import numpy as np

from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game, players_of
from metainfl.games.semivalues import enumerated


def shapley(game: Game) -> Estimate:
    """Phi (n,) or (n, targets), exact."""
    return enumerated(game, weights(players_of(game)))


def weights(n: int) -> Array:
    """w(s) = 1 / (n C(n-1, s)) for s = 0..n-1 (n,)."""
    return np.array([1 / (n * comb(n - 1, s)) for s in range(n)])
