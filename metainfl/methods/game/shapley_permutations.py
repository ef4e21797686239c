"""Shapley value by orders of the players (003, section 4.3.3, without truncation).

    phi_i = E_order [v(those before i, and i) - v(those before i)]
Estimand: the Shapley value, unbiased; every order's marginals sum to v(N) - v(empty), so the estimate is
efficient at any number of them. Sign: positive = the data helped. Scale: that of v. Cost: n - 1 values an
order, and two. Antithetic pairs (an order and its reverse) need fewer where marginals fall along an order.
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
from metainfl.numbers import flag


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
    antithetic = flag(antithetic, "antithetic", InvalidOption)
    ask = Asking(game)
    n = ask.n
    ends = ask.many(np.array([[False] * n, [True] * n]))
    if not wanted(samples, stop):
        return ask.estimate(marginals(ask, all_orders(n), ends).mean(axis=0))
    account, pair = Mean(), 2 if antithetic else 1

    def draw(rng: np.random.Generator, k: int) -> None:
        found = marginals(ask, draw_orders(rng, n, k, antithetic=antithetic), ends)
        account.add(found.reshape(k // pair, pair, *found.shape[1:]).mean(axis=1))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    return sample(ask, draw, account, cost=max(1, n - 1), step=pair, **made)


def marginals(ask: Asking, orders: Orders, ends: Array) -> Array:
    """Each player's marginal along each order (k, n, ...); `ends`: v(empty) and v(N).

    A row sums to v(N) - v(empty): the sum telescopes.
    """
    k, n = orders.shape
    rank = orders.argsort(axis=1)
    masks = rank[:, None, :] < np.arange(1, n)[None, :, None]
    path = np.empty((k, n + 1, *ends.shape[1:]))
    path[:, 0], path[:, n] = ends[0], ends[1]
    if n > 1:
        path[:, 1:n] = ask.many(masks.reshape(-1, n)).reshape(k, n - 1, *ends.shape[1:])
    extra = (1,) * (ends.ndim - 1)
    return np.take_along_axis(np.diff(path, axis=1), rank.reshape(k, n, *extra), axis=1)
