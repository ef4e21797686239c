"""Paper 001, expansions: eq. 18 about lam*, the Neumann series, and where the inner gradient is zero."""

from __future__ import annotations

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.errata.paper_001 import relative
from metainfl_reference.family import Family
from metainfl_reference.generators import small
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.perturbation import Perturbation, query, task
from metainfl_reference.second_route import complex_step
from metainfl_reference.solution import Solution

Array = np.ndarray


def eq_18_as_printed(family: Family, p: Perturbation, at: Solution, eps: float) -> Array:
    """lam_eps that solves sum_i D L_O^i + eps D l + (delta I + H)(lam_eps - lam*) = 0, all at lam*."""
    slope = (
        complex_step.gradient(family, at.lam) - family.d_out * at.lam
    )  # the sum over tasks alone
    return _step(family, p, at, eps, slope)


def eq_18_corrected(family: Family, p: Perturbation, at: Solution, eps: float) -> Array:
    """delta lam_eps in place of delta (lam_eps - lam*), as the line above eq. 18 has it."""
    return _step(family, p, at, eps, complex_step.gradient(family, at.lam))


def _step(family: Family, p: Perturbation, at: Solution, eps: float, slope: Array) -> Array:
    own = family.cross_derivative(p, at.lam, at.weights)
    return at.lam - family.apply_inverse(at, slope + eps * own)


def neumann_as_printed(total: Array, v: Array, order: int) -> Array:
    """Section 5.1: v + sum_j (I - H)^j v, j up to `order`."""
    return neumann_scaled(total, v, order, 1.0)


def neumann_scaled(total: Array, v: Array, order: int, c: float) -> Array:
    """C (v + sum_j (I - c H)^j v): converges to H^-1 v where all c times eigenvalues are in (0, 2)."""
    term = out = v
    for _ in range(order):
        term = term - c * (total @ term)
        out = out + term
    return c * out


def inner_gradient(family: Family, k: int, at: Solution, side: str) -> Array:
    """d L_I/d theta at theta_k(lam*) with the data of one side of task k."""
    e, theta = family.episodes, family.task_parameters(k, at.lam)
    x, y = (e.support_x[k], e.support_y[k]) if side == "support" else (e.query_x[k], e.query_y[k])
    data = LinearModelSum(x, y, np.ones(len(x)), theta, "squared").gradient()
    return data + family.d_in * (theta - at.lam)


def _eq_18() -> Measured:
    family = small("proximal_ridge", 0)
    at = family.solve()
    one, other = (
        relative(form(family, query(1, 2), at, 0.0), at.lam)
        for form in (eq_18_as_printed, eq_18_corrected)
    )
    return Measured(one, other, "distance of lam_eps from lam* at eps = 0, over |lam*|", 0.1)


def _neumann() -> Measured:
    family = small("proximal_ridge", 0)
    at = family.solve()
    v = family.cross_derivative(task(0), at.lam, at.weights)
    truth = -complex_step.solution_derivative(family, task(0), at)
    c = 1 / float(np.linalg.eigvalsh(at.hessian)[-1])
    one = relative(neumann_as_printed(at.hessian, v, 100), truth)
    other = relative(neumann_scaled(at.hessian, v, 100, c), truth)
    return Measured(one, other, "relative error of H^-1 v after 100 terms", 1e3)


def _inner() -> Measured:
    family = small("proximal_ridge", 0)
    at = family.solve()
    one, other = (
        max(float(np.linalg.norm(inner_gradient(family, k, at, side))) for k in range(5))
        for side in ("query", "support")
    )
    return Measured(one, other, "largest norm of d L_I/d theta at theta_i(lam*) among 5 tasks", 0.1)


ERRATA = (
    Erratum(
        "eq-18-regulariser",
        "001, eq. 18",
        "delta (lam_eps - lam*), and the first term, the sum of D L_O, equal to 0",
        "delta lam_eps, as the line above has it: the sum is -delta lam*, and 0 with delta lam* only. "
        "(The derivative in eps is the same.)",
        _eq_18,
    ),
    Erratum(
        "sect-5.1-neumann",
        "001, sect. 5.1",
        "H^-1 v = v + sum_j (I - H)^j v, without a condition",
        "where H's eigenvalues are in (0, 2) only; scaled by the largest it converges",
        _neumann,
    ),
    Erratum(
        "a.1-validation",
        "001, Thm A.1, proof",
        "d L_I/d theta = 0 with D_i^val",
        "with D_i^tr. (Eq. 12 has D_i^val for D_k^val, eq. 16 D_k^val for D_i^val, and the proof of Thm A.6 "
        "D_k^val for D_k^tr.)",
        _inner,
    ),
)
