"""Paper 001, proofs and derivations: what stands in an equation on the way, and what should."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.errata.paper_001 import TRUTH, outer_gradient, relative
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import small
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.perturbation import Perturbation, task
from metainfl_reference.second_route import complex_step
from metainfl_reference.solution import Solution

Array = np.ndarray


def eq_14_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """delta lam_eps and delta (lam_eps - lam*) both: solved as it stands, -(2 delta I + H)^{-1} D L_k."""
    rhs = family.cross_derivatives(pis, at.lam, at.weights)
    return -np.linalg.solve(at.hessian + family.d_out * np.eye(family.n_meta), rhs).T


def sum_of_totals_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """sum_i of L_Total, which is the sum over i already: H_Total taken |I| times."""
    return family.influence(pis, at).value / family.episodes.n_tasks


def corrected(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """-(delta I + H)^{-1} D L_k, as (15) has it."""
    return family.influence(pis, at).value


def fisher_as_printed(family: Family, k: int, at: Solution) -> Array:
    """A.3: n^-1 sum_i of g g' with g the gradient of the whole L_I, which is zero at theta_k."""
    inner, gap = _inner(family, k, at)
    g = inner.gradient() + family.d_in * gap
    return np.outer(g, g)


def fisher_corrected(family: Family, k: int, at: Solution) -> Array:
    """sum_i g_i g_i', one gradient an instance."""
    columns = _inner(family, k, at)[0].gradient_by_weight()
    return columns @ columns.T


def _inner(family: Family, k: int, at: Solution) -> tuple[LinearModelSum, Array]:
    """The support loss at theta_k, and theta_k - lam."""
    e, theta = family.episodes, family.task_parameters(k, at.lam)
    ones = np.ones(len(e.support_x[k]))
    return LinearModelSum(e.support_x[k], e.support_y[k], ones, theta, "softmax"), theta - at.lam


def gammas(family: Family, at: Solution) -> tuple[float, float]:
    """Thm 5.1: sum_i Gamma with Gamma = sum_i |dL_O^i/dtheta|_1 (printed), and sum_i of the norms."""
    norms = [
        float(np.abs(outer_gradient(family, k, at)).sum()) for k in range(family.episodes.n_tasks)
    ]
    return len(norms) * sum(norms), sum(norms)


def _against_truth(printed: object, gap: float) -> Measured:
    family = small("proximal_ridge", 0)
    at, pis = family.solve(), [task(k) for k in range(5)]
    truth = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    one, other = (relative(form(family, pis, at), truth) for form in (printed, corrected))  # type: ignore[operator]
    return Measured(one, other, TRUTH, gap)


def _upweighting() -> Measured:
    family = small("single_ridge", 0)
    at, target = family.solve(), targets(small("single_ridge", 9).episodes)[0]
    slope = family.target_gradient(target, at.lam)
    score = float(family.influence([task(1)], at).value[0] @ slope)
    moved = complex_step.solution_derivative(family, task(1), at)
    truth = float(family.target_loss(target, at.lam + 1e-30j * moved).imag / 1e-30)
    unit = "relative error of d f(theta)/d eps"
    return Measured(abs(-score / truth - 1), abs(score / truth - 1), unit, 1.9)


def _fisher() -> Measured:
    family = small("proximal_softmax", 0)
    at = family.solve()
    size = np.linalg.norm(_inner(family, 0, at)[0].hessian())
    one, other = (
        np.linalg.norm(f(family, 0, at)) / size for f in (fisher_as_printed, fisher_corrected)
    )
    return Measured(float(one), float(other), "norm of G relative to that of H_in - delta I", 0.1)


def _equivalent() -> Measured:
    family = small("proximal_softmax", 0)
    at = family.solve()
    gaps = [
        relative(fisher_corrected(family, k, at), _inner(family, k, at)[0].hessian())
        for k in range(5)
    ]
    unit = "relative distance of the empirical Fisher from H_in - delta I: claimed, measured"
    return Measured(0.0, float(np.mean(gaps)), unit, 0.1)


def _gammas() -> Measured:
    family = small("proximal_ridge", 0)
    printed, meant = gammas(family, family.solve())
    unit = "multiple of sum_i |dL_O^i/dtheta|_1 that stands for the Hessian (5 tasks)"
    return Measured(printed / meant, 1.0, unit, 3.9)


ERRATA = (
    Erratum(
        "eq-14-twice",
        "001, eq. 14",
        "delta lam_eps and delta I (lam_eps - lam*)",
        "delta lam* and delta I (lam_eps - lam*): the regulariser once, as eq. 15 has it",
        lambda: _against_truth(eq_14_as_printed, 0.05),
    ),
    Erratum(
        "sect-3-upweighting",
        "001, sect. 3",
        "effect of up-weighting on f: -grad f . IF",
        "+grad f . IF; the minus belongs to removal",
        _upweighting,
    ),
    Erratum(
        "prop-4.8-sum",
        "001, before Prop. 4.8",
        "sum_i L_Total, L_Total being a sum over i",
        "L_Total once",
        lambda: _against_truth(sum_of_totals_as_printed, 0.5),
    ),
    Erratum(
        "thm-5.1-sum",
        "001, Thm 5.1",
        "Gamma, a sum over i, inside a sum over i",
        "the norm of one task inside the sum, as Alg. 4 has it",
        _gammas,
    ),
    Erratum(
        "a.3-whole-gradient",
        "001, A.3",
        "G_l from the gradient of the whole L_I: zero at the inner minimum",
        "from the gradient of each instance",
        _fisher,
    ),
    Erratum(
        "a.3-equivalent",
        "001, A.3",
        "G equivalent to H_in under cross-entropy",
        "the Fisher matrix of model labels is; G with the given labels is not, and misses delta I",
        _equivalent,
    ),
)
