"""What variants are made of: the right-hand side, the solve, and the reference's tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.variants.registry import Array
from metainfl.problem.perturbation import Perturbation


def rhs(case: Case, pis: Sequence[Perturbation]) -> Array:
    """d(grad F)/d pi (p, n)."""
    return case.cross_derivatives(pis)


def solve(case: Case, hessian: Array, right: Array) -> Array:
    """-H^{-1} rhs off the symmetry, as rows; least squares where H is singular."""
    off = case.family.tangent(case.solution.lam)
    rest = np.linalg.qr(off, mode="complete")[0][:, off.shape[1] :]
    inner = rest.T @ hessian @ rest
    try:
        return -(rest @ np.linalg.solve(inner, rest.T @ right)).T
    except np.linalg.LinAlgError:
        return -(rest @ np.linalg.lstsq(inner, rest.T @ right, rcond=None)[0]).T


def solved(case: Case, pis: Sequence[Perturbation], hessian: Array) -> Array:
    """The answer with another matrix in place of the total Hessian (n, p)."""
    return solve(case, hessian, rhs(case, pis))


def eye(case: Case) -> Array:
    """(p, p)."""
    return np.eye(case.family.n_meta)


def local_tasks(case: Case) -> list[object]:
    """The reference's tasks at lam*."""
    f, s = case.family, case.solution
    return [f.task(k, s.lam, s.weights) for k in range(f.episodes.n_tasks)]
