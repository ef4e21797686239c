"""Values that are averages of marginals by the subset's size, over all subsets or over drawn orders.

    phi_i = sum_{S without i} w(|S|) [v(S + i) - v(S)],      sum_s C(n-1, s) w(s) = 1

Shapley, Beta-Shapley, Banzhaf and AME differ in w alone.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from metainfl.games.account import Mean
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game
from metainfl.games.samplers import Orders, all_orders, all_subsets, draw_orders
from metainfl.games.sampling import sample, wanted
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


def by_orders(
    game: Game,
    weights: Array,
    *,
    samples: int | None,
    antithetic: bool,
    seed: int,
    stop: Stop | None,
) -> Estimate:
    """Phi from the marginals along orders, each times n C(n-1, s) w(s); all n! orders without samples.

    A unit is an order, or an antithetic pair. n - 1 values an order, and two for the empty and full set.
    """
    ask = Asking(game)
    n = ask.n
    factor = n * weights * np.array([float(comb(n - 1, s)) for s in range(n)])
    if not wanted(samples, stop):
        return ask.estimate(marginals(ask, all_orders(n), factor).mean(axis=0))
    ends = ask.many(np.array([[False] * n, [True] * n]))
    account, pair = Mean(), 2 if antithetic else 1

    def draw(rng: np.random.Generator, k: int) -> None:
        found = marginals(ask, draw_orders(rng, n, k, antithetic=antithetic), factor, ends)
        account.add(found.reshape(k // pair, pair, *found.shape[1:]).mean(axis=1))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    return sample(ask, draw, account, cost=max(1, n - 1), step=pair, **made)


def marginals(ask: Asking, orders: Orders, factor: Array, ends: Array | None = None) -> Array:
    """Each player's marginal along each order (k, n, ...), times the factor of its place.

    With factor 1 a row sums to v(all) - v(none): the sum telescopes.
    """
    k, n = orders.shape
    if ends is None:
        ends = ask.many(np.array([[False] * n, [True] * n]))
    rank = orders.argsort(axis=1)
    masks = rank[:, None, :] < np.arange(1, n)[None, :, None]
    inner = ask.many(masks.reshape(-1, n)) if n > 1 else np.zeros((0, *ends.shape[1:]))
    inner = inner.reshape(k, n - 1, *ends.shape[1:])
    path = np.concatenate(
        [np.broadcast_to(e, (k, 1, *e.shape)) for e in ends[:1]]
        + [inner]
        + [np.broadcast_to(e, (k, 1, *e.shape)) for e in ends[1:]],
        axis=1,
    )
    extra = (1,) * (path.ndim - 2)
    steps = np.diff(path, axis=1) * factor.reshape(1, n, *extra)
    return np.take_along_axis(steps, rank.reshape(k, n, *extra), axis=1)
