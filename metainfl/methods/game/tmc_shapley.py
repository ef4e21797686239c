"""Truncated Monte Carlo Shapley (Ghorbani and Zou 2019, Algorithm 1; 003, section 4.3.3).

Orders as in `shapley_permutations`, but an order ends where |v(N) - v(S)| <= tolerance: the marginals of
those who would come after it count as 0. Estimand: the Shapley value at tolerance 0; above, biased: an
order's marginals then sum to v(N) - v(empty) within the tolerance, but who is cut depends on where one
stands, and no bound on one player's bias follows without more known of v. The errors do not hold that bias.
Sign, scale: those of v. Cost: at most n - 1 values an order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.account import Mean
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game
from metainfl.games.samplers import Orders, all_orders, draw_orders
from metainfl.games.sampling import sample, wanted
from metainfl.games.stop import Stop
from metainfl.numbers import NOT_NEGATIVE, real


def tmc_shapley(
    game: Game,
    tolerance: float,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets); `tolerance` in units of v, for all targets at once.

    All n! orders without `samples` and `stop`.
    """
    tolerance = real(tolerance, "a tolerance", NOT_NEGATIVE, InvalidOption)
    ask, account = Asking(game), Mean()
    n = ask.n
    ends = ask.many(np.array([[False] * n, [True] * n]))
    if not wanted(samples, stop):
        return ask.estimate(truncated(ask, all_orders(n), ends, tolerance).mean(axis=0))

    def draw(rng: np.random.Generator, k: int) -> None:
        account.add(truncated(ask, draw_orders(rng, n, k), ends, tolerance))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    return sample(ask, draw, account, cost=max(1, n - 1), **made)


def truncated(ask: Asking, orders: Orders, ends: Array, tolerance: float) -> Array:
    """Marginals along each order (k, n, ...), 0 from where v is near v(N); all orders a step at a time."""
    k, n = orders.shape
    out = np.zeros((k, n, *ends.shape[1:]))
    before = np.repeat(ends[:1], k, axis=0)
    masks = np.zeros((k, n), dtype=bool)
    live = np.arange(k)
    for place in range(n):
        gap = np.abs(ends[1] - before[live]).reshape(len(live), -1).max(axis=1)
        live = live[gap > tolerance]
        if not len(live):
            break
        who = orders[live, place]
        masks[live, who] = True
        last = place == n - 1
        after = np.repeat(ends[1:], len(live), axis=0) if last else ask.many(masks[live])
        out[live, who] = after - before[live]
        before[live] = after
    return out
