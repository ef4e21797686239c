"""A Gaussian density as a game: generative influence with every value in closed form.

    v(S)[t] = log N(x_t; m_S, C_S),    m_S = sum_S x / (|S| + prior),
    C_S = (prior I + sum_S x x') / (|S| + prior) - m_S m_S'
The fit is maximum likelihood with `prior` pseudo-data of mean 0 and covariance I, so that v is finite for
every S, the empty one included. Removing data is exact, so Downsampling, Feldman-Zhang memorisation and the
rest of `metainfl.methods.game` are known by enumeration. Sign: positive values made x_t likelier; nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from metainfl.errors import InvalidOption
from metainfl.games.game import Array, Masks
from metainfl.games.utility import Utility


def gaussian_density(x: Any, targets: Any, *, prior: float = 1.0, **options: Any) -> Utility:
    """The game of rows x (n, d), with one entry a target row (m, d); `options` are those of `Utility`."""
    x, at = np.array(x, dtype=float), np.array(targets, dtype=float)
    if x.ndim != 2 or at.ndim != 2 or x.shape[1] != at.shape[1] or not len(at):
        raise InvalidOption(f"x (n, d) and targets (m, d) do not fit: {x.shape}, {at.shape}")
    if not (np.isfinite(x).all() and np.isfinite(at).all()):
        raise InvalidOption("rows and targets must be finite")
    if not 0 < prior < math.inf:
        raise InvalidOption(f"prior must be positive, got {prior}: one row alone has no covariance")
    return Utility(_Density(x, at, prior), len(x), **options)


class _Density:
    """The function of a mask; a class so that other processes can be sent it."""

    def __init__(self, x: Array, at: Array, prior: float) -> None:
        self.x, self.at, self.prior = x, at, prior

    def __call__(self, mask: Masks) -> Array:
        """log N of each target (m,)."""
        rows, d = self.x[mask], self.x.shape[1]
        n = len(rows) + self.prior
        mean = rows.sum(0) / n
        cov = (self.prior * np.eye(d) + rows.T @ rows) / n - np.outer(mean, mean)
        factor = cho_factor(cov, lower=True)
        away = (self.at - mean).T
        out: Array = -0.5 * (
            (away * cho_solve(factor, away)).sum(0)
            + 2 * np.log(np.diag(factor[0])).sum()
            + d * np.log(2 * np.pi)
        )
        return out
