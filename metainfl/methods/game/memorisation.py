"""Memorisation (003, eq. 4; Feldman and Zhang 2020): what a player does for itself.

    mem_i = E_{D : |D| = m, i not in D} [v_i(D + i) - v_i(D)],     v_i: minus the loss of datum i
Estimand: the diagonal of the expected removal. Sign: large = fitted only where it was trained on. Scale:
that of v. Cost: that of `feldman_zhang`, one game for all players.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game, players_of
from metainfl.games.stop import Stop
from metainfl.methods.game.feldman_zhang import feldman_zhang


def memorisation(
    game: Game,
    m: int | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """mem (n,): `game` has one entry a player, in the players' order: solved(problem, problem.tasks).

    m, samples, seed and stop are those of `feldman_zhang`; a `half_width` waits for the whole matrix.
    """
    found = feldman_zhang(game, m, samples=samples, seed=seed, stop=stop)
    n = players_of(game)
    if found.values.shape != (n, n):
        raise InvalidOption(
            f"memorisation needs one target a player: v must have {n} entries, got values of shape "
            f"{found.values.shape}; make the players' own data the targets"
        )
    own = np.arange(n)
    return replace(found, values=found.values[own, own], errors=found.errors[own, own])
