"""The implicit function theorem, once, for every kind of data (GROUND TRUTH: one idea).

    d lam*/d pi = - C^{-1} d(grad F)/d pi

with C the chosen curvature (the exact total Hessian unless asked otherwise) plus damping. Sign: the
derivative of lam* in the weight, so lam* without the datum ~ lam* - influence. Scale: weights are 1
and F is a sum over tasks; for a mean over T tasks divide weights by T, which multiplies by 1.

Scores on a target t: d L_t/d pi = D L_t . d lam*/d pi; the score of a *removal* is minus that, the
loss after removal minus before: positive = the data helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.curvature import Curvature, exact
from metainfl.derive.cross import columns, contract
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem, MetainflError
from metainfl.influence import adapted
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.solve import Dense, Solver, SolveResult, Structured


@dataclass(frozen=True)
class Influence:
    """d lam*/d pi, rows in the order of the perturbations (n, p), and the solve behind it."""

    value: Tensor
    solve: SolveResult
    residual: float


def influence(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    *,
    curvature: Curvature = exact,
    solver: Solver | None = None,
    damping: float = 0.0,
    right_hand_side: Problem | None = None,
    allow_nonstationary: bool = False,
) -> Influence:
    """d lam*/d pi at problem.lam.

    `right_hand_side` takes the cross derivatives from another problem (a frozen adaptation, say).
    Raises `NotStationary`, `SingularHessian`, `NotConverged`, `InvalidProblem`.
    """
    preflight(problem, problem.tasks)
    residual = problem.residual(problem.lam) if allow_nonstationary else problem.check_stationary()
    rhs = columns(right_hand_side or problem, perturbations)
    solved = apply_inverse(problem, rhs.T, curvature, solver, damping)
    return Influence(_finite(-solved.solution.T), solved, residual)


@dataclass(frozen=True)
class Scores:
    """d L_t/d pi (n, m) for m targets, and the solve behind it."""

    value: Tensor
    solve: SolveResult
    residual: float


def scores(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    curvature: Curvature = exact,
    solver: Solver | None = None,
    damping: float = 0.0,
    through_adaptation: bool = True,
    allow_nonstationary: bool = False,
) -> Scores:
    """D L_t/d pi for each target task, by the adjoint: one solve a target, however many tasks.

    Each target adapts on its own support set (002, eqs 6-7); weight of a removal's score: minus this.
    `through_adaptation=False` is the influence score IS of 001 (Def. 5.2), which takes the gradient
    in the target's theta where that in lam is meant: kept to be compared, wrong as a derivative.
    """
    preflight(problem, problem.tasks)
    preflight(problem, targets, "target")
    residual = problem.residual(problem.lam) if allow_nonstationary else problem.check_stationary()
    if through_adaptation:
        slopes = problem.task_gradients(problem.lam, targets)
    else:
        slopes = adapted.loss_gradients(problem, targets)
    solved = apply_inverse(problem, slopes.T, curvature, solver, damping)
    return Scores(_finite(-contract(problem, solved.solution, perturbations)), solved, residual)


def apply_inverse(
    problem: Problem, rhs: Tensor, curvature: Curvature, solver: Solver | None, damping: float
) -> SolveResult:
    """(C + damping)^{-1} rhs for rhs (p, k), off a known symmetry: the one place where systems are solved."""
    if not damping >= 0:
        raise InvalidProblem(f"damping must not be negative, got {damping}")
    operator, tangent = curvature(problem).damped(damping), problem.tangent()
    if solver is None:
        own = hasattr(operator, "inverse")
        return Structured()(operator, rhs) if own else Dense(off=tangent)(operator, rhs)
    if tangent is not None and not isinstance(solver, Dense):  # Dense was told what to leave out
        operator, rhs = operator.deflated(tangent), rhs - tangent @ (tangent.T @ rhs)
    return solver(operator, rhs)


def _finite(value: Tensor) -> Tensor:
    if not torch.isfinite(value).all():
        row = int(torch.nonzero(~torch.isfinite(value))[0, 0])
        raise MetainflError(
            f"influence of perturbation {row} is not finite; look at the scale of its inputs, or "
            "compute in float64"
        )
    return value
