"""How an influence is computed: the same four options, with the same names, wherever one is computed.

curvature            what stands for H: one of `metainfl.curvature`, the exact total Hessian by default
solver               how the system is solved: one of `metainfl.solve`; None takes the curvature's own
inverse where it has one, else a dense solve off the known symmetry
damping              d >= 0 in (C + d I)^{-1}: no part of the exact answer
allow_nonstationary  read the result as an approximation where lam is no stationary point
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

import torch
from torch import Tensor

from metainfl.curvature import exact
from metainfl.derive.far import tell_if_far
from metainfl.derive.flat import require_flat
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.derive.stationary import Standing, require_stationary, standing
from metainfl.errors import MetainflError, NotFinite, NotStationary
from metainfl.influence.options import How, damping_of, operator_of, require_options, solver_of
from metainfl.influence.own_parts import solved
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_problem
from metainfl.problem.stacked import placing
from metainfl.problem.weights import check
from metainfl.solve import Dense, SolveResult
from metainfl.solve.refuse import suggested
from metainfl.solve.spectrum import lanczos

PRODUCTS = 20  # that the advice in a refusal may cost


def examined(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks | None = None,
    **how: Unpack[How],
) -> Standing:
    """Gradient and residual at lam, where the request can be met; everything that is wrong with it is said

    at once.

    The error is of the type of the first thing found.
    """
    wrong: list[MetainflError] = []
    require_options(how)
    require_problem(problem)

    def attempt(f: Callable[..., object], *args: object) -> None:
        try:
            f(*args)
        except MetainflError as error:
            wrong.append(error)

    attempt(check, problem.tasks, perturbations)
    attempt(_flown, problem, problem.tasks, "task")
    if targets is not None:
        attempt(_flown, problem, targets, "target")
    attempt(damping_of, how)
    if wrong:
        _raise(wrong)
    lam = problem.lam
    try:
        with placing(problem, problem.tasks, "task"):
            found = standing(problem, lam, problem.plan.chunk)
            if not how.get("allow_nonstationary", False):
                residual = require_stationary(problem, lam, found.residual, problem.plan)
                found = Standing(found.gradient, residual)
    except NotStationary as error:
        wrong.append(NotStationary(f"{error}. {amounts(problem)}", residual=error.residual))
        _raise(wrong)
    require_flat(problem, found.residual)
    return found


def _flown(problem: Problem, tasks: Tasks, what: str) -> None:
    with placing(problem, tasks, what):
        preflight(problem, tasks, what, products=True)


def _raise(wrong: list[MetainflError]) -> None:
    if len(wrong) == 1:
        raise wrong[0]
    text = "; ".join(dict.fromkeys(str(e) for e in wrong))
    raise type(wrong[0])(f"{len(wrong)} things are wrong with this request: {text}") from wrong[0]


def amounts(problem: Problem) -> str:
    """What damping would make the curvature at a non-stationary point definite, and what else there is."""
    operator = exact(problem)
    seen = lanczos(operator, min(PRODUCTS, problem.n_meta))
    low = float(seen.low)
    if low > 0:
        return (
            f"At this lam the Hessian's smallest eigenvalue is about {low:.2g}: allow_nonstationary=True "
            "would need no damping"
        )
    enough = 2 * suggested(low, float(seen.high), torch.finfo(problem.lam.dtype).eps)
    return (
        f"At this lam the Hessian has an eigenvalue of about {low:.2g} or less, so allow_nonstationary=True "
        f"would need damping above {-1.1 * low:.2g} (damping={enough:.2g}, say), or "
        "curvature=metainfl.curvature.gauss_newton, which is never negative"
    )


def apply_inverse(problem: Problem, rhs: Tensor, **how: Unpack[How]) -> SolveResult:
    """(C + damping)^{-1} rhs for rhs (p, k), off a known symmetry: the one place where systems are solved."""
    return inverse_of(problem, how)(rhs)


def inverse_of(problem: Problem, how: How) -> Callable[[Tensor], SolveResult]:
    """The same as a function of the right-hand sides; a dense matrix is factored once."""
    require_options(how)
    operator = operator_of(problem, how)
    solver = solver_of(operator, how)
    if isinstance(solver, Dense):
        return solver.factor(operator).solve
    return lambda rhs: solved(solver, operator, rhs)


def solved_at_minimum(
    problem: Problem, at: Standing, rhs: Tensor, **how: Unpack[How]
) -> SolveResult:
    """`apply_inverse` at a lam that was `examined`: `at` is what that found.

    Where H itself is factored, `FarFromMinimum` tells that lam is far from the minimiser in spite of a small
    gradient: one more right-hand side, too dear for a solver that iterates.
    """
    inverse, lam = inverse_of(problem, how), problem.lam
    plain = how.get("curvature", exact) is exact and isinstance(how.get("solver"), Dense | None)
    if plain and damping_of(how) == 0 and not how.get("allow_nonstationary", False):
        step = inverse(at.gradient[:, None]).solution
        size = float(step.norm() / (1 + lam.norm()))
        tell_if_far(
            size,
            lam,
            "lam is not as close to a minimiser as it seems",
            "call problem.solve(), raise outer_reg",
        )
    return inverse(rhs)


def finite(rows: Tensor, perturbations: Sequence[Perturbation], what: str) -> Tensor:
    """Rows (n, ...), one a perturbation; `NotFinite` names the first that has none."""
    good = torch.isfinite(rows).reshape(len(rows), -1).all(1)
    if not good.all():
        p = perturbations[int((~good).nonzero()[0])]
        raise NotFinite(
            f"the {what} of {p} is not finite: look at the scale of its inputs, compute in float64, or "
            "look for a loss that is infinite where its weight moves",
            quantity=what,
            task=p.task if p.task >= 0 else None,
            instance=p.instance if p.instance >= 0 else None,
        )
    return rows
