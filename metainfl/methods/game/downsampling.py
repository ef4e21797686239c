"""Downsampling (003, eq. 9; Feldman and Zhang 2020): subsets of one size, with and without a player.

    phi_i = mean_{k : i in D_k} v(D_k) - mean_{k : i not in D_k} v(D_k),     |D_k| = m
Estimand: E[v | i in D] - E[v | i not in D] over |D| = m (eq. 10), which compares m - 1 others and i with
m others: no marginal. For E[v(D + i) - v(D)] take `feldman_zhang`. Sign: positive = the data helped (eq. 9
is written in losses, the other way round). Scale: that of v. Cost: one value a subset; C(n, m) for all.
"""

from __future__ import annotations

from math import ceil

from metainfl.games.asking import Asking
from metainfl.games.contrasts import over_all, over_drawn
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.games.samplers import draw_of_size, size_in, subsets_of_size
from metainfl.games.sampling import wanted
from metainfl.games.stop import Stop


def downsampling(
    game: Game,
    m: int | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets); m defaults to ceil(0.7 n), as Feldman and Zhang propose.

    Without `samples` and `stop` over all C(n, m) subsets, exact. Raises `InvalidOption` where a player was
    in, or out of, fewer than two of the subsets drawn.
    """
    ask = Asking(game)
    m = min(ceil(0.7 * ask.n), ask.n - 1) if m is None else m
    size_in(m, 1, ask.n - 1)
    if not wanted(samples, stop):
        return over_all(ask, subsets_of_size(ask.n, m))
    return over_drawn(
        ask,
        lambda rng, k: draw_of_size(rng, ask.n, m, k),
        samples=samples,
        stop=stop,
        seed=seed,
    )
