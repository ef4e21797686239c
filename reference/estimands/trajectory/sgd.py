"""Gradient descent, momentum and Nesterov: the update direction and its derivatives.

    b' = momentum b + share g,     direction = b'  or  g + momentum b' (nesterov)
with share 1 at the first step and 1 - dampening after it. Linear in everything, so tangents obey the
same lines and cotangents their transpose.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.estimands.trajectory.recipe import Recipe
from metainfl_reference.estimands.trajectory.state import State

Array = np.ndarray


def update(r: Recipe, s: State, g: Array) -> tuple[Array, Array, Array]:
    """The new buffer, the second moment (unused), and the direction."""
    return _update(r, _share(r, s), s, g)


def push(r: Recipe, s: State, g: Array, ds: State, dg: Array) -> tuple[Array, Array, Array]:
    """Tangents of `update` for tangents ds, dg (p, n)."""
    return _update(r, _share(r, s), ds, dg)


def pull(r: Recipe, s: State, g: Array, bar: State, turn: Array) -> tuple[Array, Array, Array]:
    """Cotangents of (buffer, second, g), given those of the new ones (`bar`) and of the direction."""
    buffer = bar.first + (r.momentum * turn if r.nesterov else turn)
    own = _share(r, s) * buffer
    return r.momentum * buffer, bar.second, (own + turn if r.nesterov else own)


def _share(r: Recipe, s: State) -> float:
    return 1.0 - r.dampening if s.count else 1.0


def _update(r: Recipe, share: float, s: State, g: Array) -> tuple[Array, Array, Array]:
    buffer = r.momentum * s.first + share * g
    return buffer, s.second, (g + r.momentum * buffer if r.nesterov else buffer)
