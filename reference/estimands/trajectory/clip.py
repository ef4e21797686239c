"""Clipping by norm, and its derivative where it acts.

    g -> f g,   f = min(1, c / (|g| + 1e-6))          (torch's clip_grad_norm_, its 1e-6 included)
Where f < 1 the derivative is f I - f^2/c g g'/|g|, a symmetric matrix: tangents and cotangents go
through the same lines. At |g| = c the two branches meet in a kink, and the clipped one is taken.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.wide import like, real

Array = np.ndarray
SLACK = 1e-6


def clipped(g: Array, most: float | None) -> Array:
    """f g."""
    return g if most is None else _factor(g, most) * g


def turned(g: Array, most: float | None, along: Array) -> Array:
    """The derivative applied to `along`: tangents (p, n), or one cotangent (p,)."""
    if most is None:
        return along
    factor = _factor(g, most)
    if factor == 1:
        return along
    direction = g / np.sqrt(g @ g)
    slope = factor * factor / most
    return factor * along - slope * np.multiply.outer(g, direction @ along)


def _factor(g: Array, most: float) -> Array:
    size = np.sqrt(g @ g)
    if real(np.asarray(size)) + SLACK <= most:
        return like(g, 1.0)
    return most / (size + like(g, SLACK))
