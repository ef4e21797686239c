"""Leave-one-out (003, eq. 8): what losing one player costs.

    phi_i = v(N) - v(N - i)                   = L_t(without i) - L_t(all) for v = -loss
Estimand: removal of i from all the others. Sign: positive = the data helped. Scale: that of v.
Cost: n + 1 values, exact.
"""

from __future__ import annotations

from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.methods.game.leave_m_out import leave_m_out


def leave_one_out(game: Game) -> Estimate:
    """Phi (n,) or (n, targets), exact."""
    return leave_m_out(game, 1)
