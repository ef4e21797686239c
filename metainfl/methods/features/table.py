"""Tables of inputs and columns of targets as scikit-learn's trees take them, or `InvalidOption`."""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.game import Array


def inputs(x: Any, width: int) -> Array:
    """Rows (m, width) in float32, what the trees compare with."""
    with np.errstate(over="ignore"):  # what float32 does not hold is named below
        rows = _numbers("x", x, np.float32)
    if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
        raise InvalidOption(f"x must be (m, {width}), as the model was fitted, got {rows.shape}")
    return _finite("x", rows)


def column(y: Any) -> Array:
    """Targets (m,), whatever they are."""
    own = np.asarray(y)
    if own.ndim != 1:
        raise InvalidOption(
            f"y must be one target a row of x, (m,), got {own.shape}; ravel() a column"
        )
    return own


def numbers(y: Any) -> Array:
    """Targets (m,) that are finite numbers."""
    return _finite("y", _numbers("y", column(y), np.float64))


def _numbers(name: str, given: Any, kind: type) -> Array:
    try:
        return np.asarray(given, dtype=kind)
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"{name} must be an array of numbers: {error}") from error


def _finite(name: str, given: Array) -> Array:
    if not np.isfinite(given).all():
        at = np.argwhere(~np.isfinite(given))[0].tolist()
        raise InvalidOption(
            f"{name} is not finite at index {at}, or too large for {given.dtype}: clean or drop that row"
        )
    return given
