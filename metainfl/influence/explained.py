"""The slopes of new tasks at the lam that stored influences belong to."""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem.asked import require_problem, require_tasks
from metainfl.problem.stacked import placing
from metainfl.problem.tasks import Tasks


def slopes_of(problem: Problem, targets: Tasks, stored: Tensor) -> Tensor:
    """D L_t (m, p) of targets that adapt as `problem` has it; its own tasks are not read.

    Raises `InvalidProblem` where the problem's lam is not `stored`, where the influences were taken.
    """
    require_problem(problem)
    lam = stored.to(problem.lam)
    gap = float((problem.lam - lam).norm()) if problem.lam.shape == lam.shape else float("inf")
    if not gap <= 1e-6 * float(lam.norm()):
        raise InvalidProblem(
            "these influences were taken at another lam than the problem's: give it the one they were "
            "taken at, problem.replaced(lam=stored.lam)"
        )
    targets = require_tasks(targets, lam)
    with placing(problem, targets, "target"):
        preflight(problem, targets, "target")
        return problem.task_gradients(lam, targets)
