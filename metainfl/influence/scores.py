"""Influence on targets, I_perf of 002 (eq. 7): d L_t/d pi = D L_t . d lam*/d pi, by the adjoint.

One solve a target, however many tasks: s_test of the survey (003, eqs 34-35). The score of a *removal* is
minus that, the loss after removal minus before: positive = the data helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from torch import Tensor

from metainfl.derive.contract import contract
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence import adapted
from metainfl.influence.how import How, examined, finite, solved_at_minimum
from metainfl.numbers import flag
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_targets
from metainfl.problem.stacked import placing
from metainfl.problem.steady import steadily
from metainfl.solve import SolveResult


@dataclass(frozen=True, eq=False)
class Scores:
    """d L_t/d pi (n, m) for m targets, and the solve behind it."""

    value: Tensor
    solve: SolveResult
    residual: float


@steadily
def scores(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    through_adaptation: bool = True,
    **how: Unpack[How],
) -> Scores:
    """D L_t/d pi for each target task (n, m); `how` is described in `metainfl.influence.how`.

    Each target adapts on its own support set (002, eqs 6-7); weight of a removal's score: minus this.
    `through_adaptation=False` is the influence score IS of 001 (Def. 5.2), which takes the gradient
    in the target's theta where that in lam is meant: kept to be compared, wrong as a derivative.
    """
    through_adaptation = flag(through_adaptation, "through_adaptation", InvalidOption)
    targets = require_targets(problem, targets)
    found = examined(problem, perturbations, targets, **how)
    with placing(problem, targets, "target"):
        if through_adaptation:
            slopes = problem.task_gradients(problem.lam, targets)
        else:
            slopes = adapted.loss_gradients(problem, targets)
    solved = solved_at_minimum(problem, found, slopes.T, **how)
    value = -contract(problem, solved.solution, perturbations)
    return Scores(finite(value, perturbations, "score"), solved, found.residual)
