"""Representer decomposition (003, eqs 37-46, with the squared norm that eqs 39-44 need).

At a stationary point of F, lam* = -(1/d_out) sum_k w_k D L_k(lam*), an exact sum over tasks. For the
single-level families it refines to instances and to predictions:
    lam*       = sum_ij x_ij (x) alpha_ij,   alpha_ij = -(w_i v_ij / d_out) l'_ij
    f(x_t)     = sum_ij (x_ij . x_t) alpha_ij
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer, carried, inner_condition
from metainfl_reference.certificate import EPS
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Family, Solution
from metainfl_reference.losses import Jet

Array = np.ndarray


def task_components(family: Family, at: Solution) -> Answer:
    """-(w_k / d_out) D L_k(lam*), one row a task (T, p); the rows add up to lam*."""
    if family.d_out == 0:
        raise InvalidProblem("the representer decomposition needs d_out > 0")
    w = at.weights.task

    def rows(s: Solution) -> Array:
        tasks = [family.task(k, s.lam, s.weights) for k in range(len(w))]
        return np.stack([-w[k] / family.d_out * t.gradient() for k, t in enumerate(tasks)])

    def bound() -> Array:
        noise = 8 * family.n_meta * EPS * inner_condition(family, at)
        reach = float(np.linalg.norm(at.hessian, 2) * np.linalg.norm(at.lam)) / family.d_out
        return carried(family, at, rows) + noise * (np.linalg.norm(value, axis=1) + reach)

    value = rows(at)
    return Answer(value, bound)


def values(family: SingleSoftmax, at: Solution) -> Answer:
    """Alpha (T, n_q, c)."""
    e = family.episodes
    scale = (at.weights.task[:, None] * at.weights.query / family.d_out)[:, :, None]

    def alpha(s: Solution) -> Array:
        lam = s.lam.reshape(e.query_x.shape[2], -1)
        return np.stack(
            [
                -scale[i] * Jet(family.loss_name, e.query_x[i] @ lam, e.query_y[i]).d1
                for i in range(e.n_tasks)
            ]
        )

    def bound() -> Array:
        own = carried(family, at, lambda s: alpha(s)[..., None])
        outputs = np.abs(e.query_x) @ np.abs(at.lam).reshape(e.query_x.shape[2], -1)
        return own + 8 * family.n_meta * EPS * (np.abs(value) + scale * outputs)

    value = alpha(at)
    return Answer(value, bound)


def prediction_parts(family: SingleSoftmax, at: Solution, x: Array) -> Answer:
    """Each instance's part of the prediction at x (d,): (T, n_q, c); the parts add up to it."""
    alpha, likeness = values(family, at), (family.episodes.query_x @ x)[:, :, None]
    size = (np.abs(family.episodes.query_x) @ np.abs(x))[:, :, None]
    noise = len(x) * EPS * size
    return Answer(
        likeness * alpha.value, lambda: np.abs(likeness) * alpha.bound + noise * abs(alpha.value)
    )
