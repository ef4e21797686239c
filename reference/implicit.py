"""The implicit-function page: d lam*/d pi = -H^+ d(grad F)/d pi, and a bound on its error.

Functions of a family and its solution; `Family` offers them as methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metainfl_reference.answer import Answer, carried, inner_condition
from metainfl_reference.certificate import EPS, spectrum
from metainfl_reference.episodes import Weights
from metainfl_reference.local import Local
from metainfl_reference.perturbation import Perturbation, parts

if TYPE_CHECKING:
    from metainfl_reference.family import Family, Solution

Array = np.ndarray


def cross_derivatives(
    family: Family, perturbations: Sequence[Perturbation], lam: Array, weights: Weights
) -> Array:
    """d(grad F)/d pi, one column each (p, n); every task is differentiated once."""
    out = np.zeros((family.n_meta, len(perturbations)), dtype=np.result_type(lam, weights.task))
    tasks: dict[int, Local] = {}
    by: dict[tuple[int, str, int], Array] = {}
    for column, p in enumerate(perturbations):
        for m in parts(p):
            if m.task not in tasks:
                tasks[m.task] = family.task(m.task, lam, weights)
            t = tasks[m.task]
            if m.kind == "task":
                out[:, column] += t.gradient()
                continue
            shifted = m.kind.endswith("input")
            key = (m.task, m.kind, m.instance if shifted else -1)
            if key not in by:
                by[key] = _derivatives(t, m)
            pick = m.axis if shifted else m.instance
            out[:, column] += weights.task[m.task] * by[key][:, pick]
    return out


def _derivatives(t: Local, m: Perturbation) -> Array:
    """d(D L)/d pi for all weights or features that stand beside m (p, k)."""
    if m.kind == "support":
        return t.by_support()
    if m.kind == "query":
        return t.by_query()
    return t.by_input("support" if m.kind == "support_input" else "query", m.instance)


def apply_inverse(family: Family, at: Solution, rhs: Array) -> Array:
    """H^+ rhs, the flat directions dropped."""
    values, vectors = spectrum(at.hessian, family.tangent(at.lam), family.name)
    return vectors @ ((vectors.T @ rhs) / (values if rhs.ndim == 1 else values[:, None]))


def influence(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
    """d lam*/d pi, one row a perturbation (n, p), with a bound a row."""
    value = _rows(family, perturbations, at)
    return Answer(value, lambda: bound(family, perturbations, at, value))


def _rows(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Array:
    return -apply_inverse(
        family, at, cross_derivatives(family, perturbations, at.lam, at.weights)
    ).T


def bound(
    family: Family, perturbations: Sequence[Perturbation], at: Solution, value: Array
) -> Array:
    """Bounds on |value - truth| (n,) for any candidate rows `value` (n, p).

    (residual + rounding of H and of the right-hand side) / smallest eigenvalue, and what the error of
    lam* itself can do.
    """
    rhs = cross_derivatives(family, perturbations, at.lam, at.weights)
    residual = np.linalg.norm(at.hessian @ value.T + rhs, axis=0)
    sizes = np.linalg.norm(rhs, axis=0) + at.certificate.largest * np.linalg.norm(value, axis=1)
    noise = 4 * family.n_meta * EPS * inner_condition(family, at) * sizes
    own = carried(family, at, lambda s: _rows(family, perturbations, s))
    return (residual + noise) / at.certificate.smallest + own
