"""Adam: the update direction and its derivatives.

    m' = b1 m + (1 - b1) g          mh = m'/(1 - b1^t)
    v' = b2 v + (1 - b2) g^2        vh = v'/(1 - b2^t)
    direction = mh / q,             q = sqrt(vh) + eps   or   sqrt(vh + eps)
    d direction = d mh / q - (mh/q^2) q_v d vh,     q_v = 1/(2 sqrt(vh))  or  1/(2 q)

Where vh is exactly zero every gradient so far was zero in that coordinate (a dead unit), so mh is zero
too. The root has no derivative there, the direction has: with g = a s for small s it is
a s/(|a s| c + eps), whose derivative at 0 is a/eps. The term with q_v is of second order and drops out.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands.trajectory.recipe import Recipe
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.wide import like

Array = np.ndarray


def update(r: Recipe, s: State, g: Array) -> tuple[Array, Array, Array]:
    """The new moments and the direction."""
    (b1, b2), (c1, c2) = _betas(r, s)
    m, v = b1 * s.first + (1 - b1) * g, b2 * s.second + (1 - b2) * g * g
    return m, v, m / c1 / _divisor(r, v / c2)[0]


def push(r: Recipe, s: State, g: Array, ds: State, dg: Array) -> tuple[Array, Array, Array]:
    """Tangents of `update` for tangents ds, dg (p, n)."""
    (b1, b2), _ = _betas(r, s)
    by_m, by_v = _slopes(r, s, g)
    dm = b1 * ds.first + (1 - b1) * dg
    dv = b2 * ds.second + 2 * (1 - b2) * g[:, None] * dg
    return dm, dv, by_m[:, None] * dm + by_v[:, None] * dv


def pull(r: Recipe, s: State, g: Array, bar: State, turn: Array) -> tuple[Array, Array, Array]:
    """Cotangents of (m, v, g), given those of the new moments (`bar`) and of the direction."""
    (b1, b2), _ = _betas(r, s)
    by_m, by_v = _slopes(r, s, g)
    m_bar, v_bar = bar.first + by_m * turn, bar.second + by_v * turn
    return b1 * m_bar, b2 * v_bar, (1 - b1) * m_bar + 2 * (1 - b2) * g * v_bar


def _betas(r: Recipe, s: State) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Both betas in the state's own number type, and 1 - beta^t."""
    b1, b2 = like(s.lam, r.betas)
    t = s.count + 1
    return (b1, b2), (1 - b1**t, 1 - b2**t)


def _divisor(r: Recipe, vh: Array) -> tuple[Array, Array]:
    """q and d q/d vh."""
    if r.eps_inside_root:
        q = np.sqrt(vh + r.eps)
        return q, 1 / (2 * q)
    root = np.sqrt(vh)
    dead = root == 0
    return root + r.eps, np.where(dead, 0, 1 / (2 * np.where(dead, 1, root)))


def _slopes(r: Recipe, s: State, g: Array) -> tuple[Array, Array]:
    """d direction/d m' and d direction/d v', one number a coordinate."""
    _, (c1, c2) = _betas(r, s)
    m, v, _ = update(r, s, g)
    if not r.eps_inside_root and np.any((v == 0) & (m != 0)):
        at = int(np.flatnonzero((v == 0) & (m != 0))[0])
        raise InvalidProblem(
            f"step {s.count}, coordinate {at}: the second moment is zero and the first is not, so the "
            "step has no derivative; start with both moments zero, or use eps_inside_root=True"
        )
    q, q_v = _divisor(r, v / c2)
    return 1 / (c1 * q), -(m / c1) / (q * q) * q_v / c2
