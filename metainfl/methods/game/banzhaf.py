"""Banzhaf value (003, eq. 27; Wang and Jia 2023), by all subsets.

    phi_i = 2^{-(n-1)} sum_{S without i} [v(S + i) - v(S)]
Estimand: itself; every subset counts alike, so it is symmetric, null-player and linear, not efficient.
Sign: positive = the data helped. Scale: that of v. Cost: 2^n values; `banzhaf_msr` samples them.
"""

from __future__ import annotations

import numpy as np

from metainfl.games.estimate import Estimate
from metainfl.games.game import Game, players_of
from metainfl.games.semivalues import enumerated


def banzhaf(game: Game) -> Estimate:
    """Phi (n,) or (n, targets), exact."""
    return enumerated(game, np.full(players_of(game), 0.5 ** (players_of(game) - 1)))
