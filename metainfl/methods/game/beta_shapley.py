"""Beta-Shapley (Kwon and Zou 2022; 003, section 4.3.3): Shapley with another weight on sizes.

    phi_i = sum_{S without i} w(|S|) [v(S + i) - v(S)],   w(s) = B(s + b, n - 1 - s + a) / B(a, b)
Estimand: itself; a = b = 1 is Shapley; b < a (their (16, 1), (4, 1)) favours small subsets: at large a, b
fixed, the weight gathers at s = 0. Symmetric, null-player, linear; efficient only at a = b = 1.
Sign: positive = the data helped. Scale: that of v. Cost: 2^n values, or two a player and draw: |S| is drawn
with chance C(n-1, s) w(s), a beta-binomial, so that no marginal needs a weight (along orders, weights reach
n a/(n - 1 + a) at b = 1). Where a few draws are all of one size, their errors do not know of the others.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln

from metainfl.errors import InvalidOption
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game, players_of
from metainfl.games.sampling import wanted
from metainfl.games.semivalues import drawn, enumerated
from metainfl.games.stop import Stop
from metainfl.numbers import POSITIVE, real


def beta_shapley(
    game: Game,
    a: float,
    b: float,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets): all subsets, or `samples` drawn ones a player."""
    for name, value in (("a", a), ("b", b)):
        real(value, f"{name} of Beta(a, b)", POSITIVE, InvalidOption)
    w = weights(players_of(game), a, b)
    if not wanted(samples, stop):
        return enumerated(game, w)
    return drawn(game, w, samples=samples, seed=seed, stop=stop)


def weights(n: int, a: float, b: float) -> Array:
    """w(s) for s = 0..n-1 (n,)."""
    s = np.arange(n)
    out: Array = np.exp(betaln(s + b, n - 1 - s + a) - betaln(a, b))
    return out
