"""Linear fits of v to features of subsets, with errors: least squares, or scikit-learn's lasso.

    minimise (1/2K) |v - b - X w|^2 + penalty |w|_1          (b is not penalised)
Errors: at penalty 0 the sandwich, which asks nothing of the residuals' variance (a linear fit leaves what v
is not linear in), times K/(K - p - 1); with a penalty by refits on resampled rows, at the same penalty.
"""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np

from metainfl.errors import InvalidOption, NotConverged
from metainfl.games.account import Result, TooFew
from metainfl.games.game import Array, Masks
from metainfl.numbers import whole

Penalty = float | Literal["cv"]
REFITS = 100
MOST_STEPS = 100_000


class Regression:
    """An account of rows X (k, n) and values; its result is `scale` times the coefficients."""

    def __init__(self, penalty: Penalty, seed: int, *, scale: float = 1.0) -> None:
        if penalty != "cv" and not (
            isinstance(penalty, (int, float)) and math.isfinite(penalty) and penalty >= 0
        ):
            raise InvalidOption(f"a penalty is a number from 0, or 'cv'; got {penalty!r}")
        self.penalty, self.seed, self.scale = penalty, seed, scale
        self.rows: list[Array] = []
        self.values: list[Array] = []
        self.intercept = np.zeros(())

    def add(self, rows: Array | Masks, values: Array) -> None:
        """More subsets: features (k, n), values (k,) or (k, targets)."""
        self.rows.append(np.asarray(rows, dtype=float))
        self.values.append(values)

    def result(self, errors: bool = True) -> Result:
        """Scaled coefficients (n,) or (n, targets), errors, degrees; sets `intercept`."""
        x, v = np.concatenate(self.rows), np.concatenate(self.values)
        k, n = x.shape
        least = n + 3 if self.penalty == 0 else 10
        if errors and k < least:
            raise TooFew(
                f"{k} subsets for a fit of {n} players: take {least} samples or more"
                + (", or a penalty" if self.penalty == 0 else "")
            )
        columns = v.reshape(k, -1)
        fits = [self._fit(x, column, errors) for column in columns.T]
        shape = (n, *v.shape[1:])
        weights, spread = (np.stack([f[i] for f in fits], axis=1).reshape(shape) for i in (0, 1))
        middle = np.array([f[2] for f in fits]).reshape(v.shape[1:])
        self.intercept = middle
        degrees = k - n - 1.0 if self.penalty == 0 else k - 1.0
        return self.scale * weights, self.scale * spread, degrees

    def _fit(self, x: Array, v: Array, errors: bool) -> tuple[Array, Array, float]:
        """Coefficients, their errors, intercept."""
        if self.penalty == 0:
            w, spread = least_squares(x, v)
            return w, spread if errors else np.zeros_like(spread), float(v.mean() - x.mean(0) @ w)
        penalty = chosen(x, v) if self.penalty == "cv" else float(self.penalty)
        w = lasso(x, v, penalty)
        spread = np.zeros_like(w)
        if errors:
            rng = np.random.default_rng(whole(self.seed, "seed", 0, error=InvalidOption))
            draws = rng.integers(0, len(v), (REFITS, len(v)))
            spread = np.std([lasso(x[i], v[i], penalty) for i in draws], axis=0, ddof=1)
        return w, spread, float(v.mean() - x.mean(0) @ w)


def least_squares(x: Array, v: Array) -> tuple[Array, Array]:
    """Coefficients of least norm (n,) about an intercept, and their sandwich errors."""
    k, n = x.shape
    centred = x - x.mean(axis=0)
    inverse = np.linalg.pinv(centred, rcond=max(k, n) * np.finfo(float).eps)
    w = inverse @ (v - v.mean())
    left = v - v.mean() - centred @ w
    room = k / max(k - n - 1, 1)
    return w, np.sqrt(room * (inverse**2 @ left**2))


def lasso(x: Array, v: Array, penalty: float) -> Array:
    """Coefficients (n,) of the lasso about an intercept."""
    from sklearn.linear_model import Lasso

    size = float(np.ptp(v))
    if size == 0:
        return np.zeros(x.shape[1])
    model = Lasso(alpha=penalty / size, max_iter=MOST_STEPS, tol=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would warn of is raised below
        model.fit(x, v / size)
    if int(np.max(model.n_iter_)) >= MOST_STEPS:
        raise NotConverged(
            f"the lasso took {MOST_STEPS} sweeps without converging at penalty {penalty:.3g}; raise it",
            model.coef_ * size,
        )
    found: Array = model.coef_ * size
    return found


def chosen(x: Array, v: Array) -> float:
    """The penalty of least error in five-fold cross-validation."""
    from sklearn.linear_model import LassoCV

    size = float(np.ptp(v))
    if size == 0:
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of penalties that are not chosen
        model = LassoCV(cv=5, max_iter=MOST_STEPS).fit(x, v / size)
    return float(model.alpha_) * size
