"""Shapley value by orders of the players (003, section 4.3.3, without truncation).

    phi_i = E_order [v(those before i, and i) - v(those before i)]
Estimand: the Shapley value, unbiased; every order's marginals sum to v(N) - v(empty), so the estimate is
efficient at any number of them. Sign: positive = the data helped. Scale: that of v. Cost: n - 1 values an
order, and two. Antithetic pairs (an order and its reverse) need fewer where marginals fall along an order.
"""

from __future__ import annotations

from metainfl.games.estimate import Estimate
from metainfl.games.game import Game, players_of
from metainfl.games.semivalues import by_orders
from metainfl.games.stop import Stop
from metainfl.methods.game.shapley_exact import weights


def shapley_permutations(
    game: Game,
    *,
    samples: int | None = None,
    antithetic: bool = False,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets) from `samples` orders (even, if antithetic); all n! without it.

    Errors are those of a mean over orders, or over pairs.
    """
    return by_orders(
        game,
        weights(players_of(game)),
        samples=samples,
        antithetic=antithetic,
        seed=seed,
        stop=stop,
    )
