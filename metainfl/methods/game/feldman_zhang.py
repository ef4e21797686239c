"""Feldman and Zhang's subsampled influence (2020, section 2; 003, eqs 11-13): the expected removal.

    phi_i = E_{D : |D| = m, i not in D} [v(D + i) - v(D)]
Estimated by subsets of two sizes: the mean over D' with i, |D'| = m + 1, minus that over D without i,
|D| = m: unbiased at every m, where Downsampling is only in the limit. Sign: positive = the data helped.
Scale: that of v; with v = accuracy on one target it lies in [-1, 1]. Cost: two values a unit.
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


def feldman_zhang(
    game: Game,
    m: int | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets); m is the size without i, by default ceil(0.7 n) - 1.

    A unit draws one subset of each size. Without `samples` and `stop` over all subsets, exact.
    """
    ask = Asking(game)
    n = ask.n
    size = min(ceil(0.7 * n), n) - 1 if m is None else m
    size_in(size, 0, n - 1)
    if not wanted(samples, stop):
        return over_all(ask, subsets_of_size(n, size + 1), subsets_of_size(n, size))
    return over_drawn(
        ask,
        lambda rng, k: draw_of_size(rng, n, size + 1, k),
        lambda rng, k: draw_of_size(rng, n, size, k),
        samples=samples,
        stop=stop,
        seed=seed,
    )
