"""The implicit-function page: d lam*/d pi = -H^+ d(grad F)/d pi, and a bound on its error.

For a task's weight it is task-IF (001, Thm 4.3; 002, eq. 4, and eq. 12 off flat directions), for a query
instance's 001's Thm 4.5, for a support instance's Prop. 4.8, for a group's the sum of its members (002, eqs
8-9), for one level the classical influence function (002, eq. 1; 003, eq. 30). The page is 002's eq. 13.
Functions of a family and its solution; `Family` offers them as methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl_reference.answer import Answer, measured
from metainfl_reference.certificate import spectrum
from metainfl_reference.episodes import Weights
from metainfl_reference.linear import solve
from metainfl_reference.local import Local
from metainfl_reference.perturbation import Perturbation, parts
from metainfl_reference.solution import Bilevel, Solution
from metainfl_reference.wide import is_wide

Array = np.ndarray


def cross_derivatives(
    family: Bilevel, perturbations: Sequence[Perturbation], lam: Array, weights: Weights
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


def apply_inverse(family: Bilevel, at: Solution, rhs: Array) -> Array:
    """H^+ rhs, the flat directions dropped."""
    tangent = family.tangent(at.lam)
    if is_wide(at.hessian):
        flat = tangent @ tangent.T
        off, scale = np.eye(len(flat)) - flat, np.trace(at.hessian) / len(flat)
        return off @ solve(off @ at.hessian @ off + scale * flat, off @ rhs)
    values, vectors = spectrum(at.hessian, tangent, family.name)
    return vectors @ ((vectors.T @ rhs) / (values if rhs.ndim == 1 else values[:, None]))


def influence(family: Bilevel, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
    """d lam*/d pi, one row a perturbation (n, p), with a bound a row."""

    def rows(f: Bilevel, s: Solution) -> Array:
        cross = cross_derivatives(f, perturbations, s.lam, s.weights)
        return -apply_inverse(f, s, cross).T

    return measured(family, at, rows, rows=True)
