"""Average marginal effect (Lin et al. 2022; 003, section 4.3.2): marginals on subsets of random density.

    phi_i = E_q E_{S ~ Bernoulli(q) without i} [v(S + i) - v(S)],        q uniform on `probabilities`
    x_i   = 1/q if i in S, -1/(1-q) if not:        E[x_i v(S)] = phi_i,   E[x_i x_j] = [i = j] V
    V     = E[1/(q (1-q))]
Estimand: phi; a semivalue (q uniform on [0, 1] would be Shapley). The best linear fit of v to x/sqrt(V) has
the coefficients phi/sqrt(V): least squares estimates them with a bias of order 1/K, the paper's lasso with
fewer subsets where few players count, shrunk towards 0 by its penalty (errors do not hold that bias).
Sign: positive = the data helped. Scale: that of v. Cost: one value a subset; 2^n exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game
from metainfl.games.regression import Regression
from metainfl.games.sampling import sample, wanted
from metainfl.games.semivalues import enumerated
from metainfl.games.stop import Stop


def ame(
    game: Game,
    probabilities: Sequence[float] = (0.2, 0.4, 0.6, 0.8),
    *,
    penalty: float | Literal["cv"] = 0.0,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """Phi (n,) or (n, targets). penalty 0: least squares; above, or "cv": the lasso, with that weight.

    Without `samples` and `stop` exact, by all 2^n subsets; a penalty then means nothing.
    """
    ask = Asking(game)
    n, q = ask.n, np.asarray(probabilities, dtype=float)
    if q.ndim != 1 or not len(q) or not ((q > 0) & (q < 1)).all():
        raise InvalidOption(f"probabilities lie strictly between 0 and 1, got {probabilities!r}")
    if not wanted(samples, stop):
        if penalty != 0:
            raise InvalidOption("without samples nothing is fitted: leave the penalty at 0")
        return enumerated(game, weights(n, q))
    scale = float(np.sqrt(np.mean(1 / (q * (1 - q)))))
    account = Regression(penalty, seed, scale=scale)

    def draw(rng: np.random.Generator, k: int) -> None:
        u = rng.random((k, n + 1))
        chosen = q[(u[:, 0] * len(q)).astype(int)]
        masks = u[:, 1:] < chosen[:, None]
        x = np.where(masks, 1 / chosen[:, None], -1 / (1 - chosen[:, None])) / scale
        account.add(x, ask.many(masks))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    return sample(ask, draw, account, cost=1, **made)


def weights(n: int, q: Array) -> Array:
    """w(s) = mean_q q^s (1-q)^(n-1-s) for s = 0..n-1 (n,)."""
    s = np.arange(n)
    out: Array = np.mean(q[:, None] ** s * (1 - q[:, None]) ** (n - 1 - s), axis=0)
    return out
