"""Representer decomposition (003, eqs 37-46, with the squared norm that eqs 39-44 need).

At a stationary point of F, lam* = -(1/d_out) sum_k w_k D L_k(lam*), an exact sum over tasks. For the
single-level families it refines to instances and to predictions:
    lam*       = sum_ij x_ij (x) alpha_ij,   alpha_ij = -(w_i v_ij / d_out) l'_ij
    f(x_t)     = sum_ij (x_ij . x_t) alpha_ij
With one precision a parameter 1/d_out divides each component by its own; alpha_ij needs one number.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer, measured
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Family
from metainfl_reference.losses import Jet
from metainfl_reference.solution import Solution

Array = np.ndarray


def task_components(family: Family, at: Solution) -> Answer:
    """-(w_k / d_out) D L_k(lam*), one row a task (T, p); the rows add up to lam*."""
    _positive(family)

    def rows(f: Family, s: Solution) -> Array:
        w = s.weights.task
        tasks = [f.task(k, s.lam, s.weights) for k in range(len(w))]
        return np.stack([-w[k] / f.d_out * t.gradient() for k, t in enumerate(tasks)])

    return measured(family, at, rows, rows=True)


def values(family: SingleSoftmax, at: Solution) -> Answer:
    """Alpha (T, n_q, c)."""
    _one_number(family)
    return measured(family, at, _alpha)


def prediction_parts(family: SingleSoftmax, at: Solution, x: Array) -> Answer:
    """Each instance's part of the prediction at x (d,): (T, n_q, c); the parts add up to it."""
    _one_number(family)

    def pieces(f: Family, s: Solution) -> Array:
        return (f.episodes.query_x @ x)[:, :, None] * _alpha(f, s)

    return measured(family, at, pieces)


def _positive(family: Family) -> None:
    if np.any(np.asarray(family.d_out) == 0):
        raise InvalidProblem("the representer decomposition needs d_out > 0, for every parameter")


def _one_number(family: Family) -> None:
    _positive(family)
    if len(np.unique(family.d_out)) > 1:
        raise InvalidProblem(
            "representer values alpha_ij need one d_out for all parameters: take task_components, which "
            "divide each by its own"
        )


def _alpha(family: Family, at: Solution) -> Array:
    e, lam = family.episodes, at.lam.reshape(family.episodes.query_x.shape[2], -1)
    d_out = np.ravel(family.d_out)[0]
    scale = (at.weights.task[:, None] * at.weights.query / d_out)[:, :, None]
    name = family.loss_name  # type: ignore[attr-defined]
    slopes = [Jet(name, x @ lam, y).d1 for x, y in zip(e.query_x, e.query_y, strict=True)]
    return -scale * np.stack(slopes)
