"""Banzhaf value by maximum sample reuse (Wang and Jia 2023, section 4; 003, section 4.3.3).

    phi_i = mean_{S with i} v(S) - mean_{S without i} v(S),      S uniform among all 2^n
Every value serves every player. Estimand: the Banzhaf value, unbiased given that each player was in and
out. Sign, scale: those of v. Cost: one value a subset; its error grows with the spread of v itself, not of
the marginals.
"""

from __future__ import annotations

from metainfl.games.asking import Asking
from metainfl.games.contrasts import over_all, over_drawn
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.games.samplers import all_subsets, draw_bernoulli
from metainfl.games.sampling import wanted
from metainfl.games.stop import Stop


def banzhaf_msr(
    game: Game, *, samples: int | None = None, seed: int = 0, stop: Stop | None = None
) -> Estimate:
    """Phi (n,) or (n, targets) from `samples` subsets; all 2^n, exact, without it."""
    ask = Asking(game)
    if not wanted(samples, stop):
        return over_all(ask, all_subsets(ask.n))
    return over_drawn(
        ask,
        lambda rng, k: draw_bernoulli(rng, ask.n, 0.5, k),
        samples=samples,
        stop=stop,
        seed=seed,
    )
