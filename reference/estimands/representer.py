"""Representer decomposition (003, eqs 37-46, with the squared norm that eqs 39-44 need).

At a stationary point of F, lam* = -(1/d_out) sum_k w_k D L_k(lam*), an exact sum over tasks. For the
single-level families it refines to instances and to predictions:
    lam*       = sum_ij x_ij (x) alpha_ij,   alpha_ij = -(w_i v_ij / d_out) l'_ij
    f(x_t)     = sum_ij (x_ij . x_t) alpha_ij
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Family, Solution
from metainfl_reference.losses import Jet

Array = np.ndarray


def task_components(family: Family, at: Solution) -> Array:
    """-(w_k / d_out) D L_k(lam*), one row a task (T, p); the rows add up to lam*."""
    if family.d_out == 0:
        raise InvalidProblem("the representer decomposition needs d_out > 0")
    w = at.weights.task
    rows = [
        -w[k] / family.d_out * family.task(k, at.lam, at.weights).gradient() for k in range(len(w))
    ]
    return np.stack(rows)


def values(family: SingleSoftmax, at: Solution) -> Array:
    """Alpha (T, n_q, c)."""
    e = family.episodes
    lam = at.lam.reshape(e.query_x.shape[2], -1)
    out = np.empty(e.query_y.shape)
    for i in range(e.n_tasks):
        slope = Jet(family.loss_name, e.query_x[i] @ lam, e.query_y[i]).d1
        out[i] = -(at.weights.task[i] / family.d_out) * at.weights.query[i][:, None] * slope
    return out


def prediction_parts(family: SingleSoftmax, at: Solution, x: Array) -> Array:
    """Each instance's part of the prediction at x (d,): (T, n_q, c); the parts add up to it."""
    return (family.episodes.query_x @ x)[:, :, None] * values(family, at)
