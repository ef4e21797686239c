"""The implicit function theorem, once, for every kind of data (001, Thm 4.3; 002, eqs 4, 9 and 13).

    d lam*/d pi = - C^{-1} d(grad F)/d pi

with C the chosen curvature (the exact total Hessian unless asked otherwise) plus damping. Sign: the
derivative of lam* in the weight, so lam* without the datum ~ lam* - influence. Scale: weights are 1
and F is a sum over tasks. 002 has a mean over M of them and adds epsilon L_j: M times this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from torch import Tensor

from metainfl.derive.cross import columns
from metainfl.derive.problem import Problem
from metainfl.influence.how import How, examined, finite, solved_at_minimum
from metainfl.problem import Perturbation
from metainfl.problem.asked import require_problem
from metainfl.problem.steady import steadily
from metainfl.solve import SolveResult


@dataclass(frozen=True, eq=False)
class Influence:
    """d lam*/d pi, rows in the order of the perturbations (n, p), and the solve behind it."""

    value: Tensor
    solve: SolveResult
    residual: float


@steadily
def influence(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    *,
    right_hand_side: Problem | None = None,
    **how: Unpack[How],
) -> Influence:
    """d lam*/d pi at problem.lam (n, p); `how` is described in `metainfl.influence.how`.

    `right_hand_side` takes the cross derivatives from another problem (a frozen adaptation, say).
    Raises `NotStationary`, `SingularHessian`, `NotConverged`, `NotFinite`, `InvalidProblem`.
    """
    found = examined(problem, perturbations, **how)
    other = problem if right_hand_side is None else right_hand_side
    require_problem(other)
    rhs = finite(columns(other, perturbations), perturbations, "right-hand side")
    solved = solved_at_minimum(problem, found, rhs.T, **how)
    return Influence(finite(-solved.solution.T, perturbations, "influence"), solved, found.residual)
