"""instance-IF of a support instance with the inner inverse held fixed: what freezing costs.

    H^{-1} D P(lam),   P = (dL_O/dtheta) . B dl(z; theta(lam))/dtheta,   B = H_in^{-1} held at lam*
Exact instance-IF (Proposition 4.8) differentiates H_in^{-1} too, a third derivative of the inner
loss; two-stage implementations do not. Right where H_in does not depend on theta (ridge), and wrong
elsewhere by a share that the ledger measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jacrev

from metainfl.adaptation import Proximal, ProximalCG
from metainfl.derive.loop import each
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.influence.how import apply_inverse
from metainfl.problem import TaskView
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.weights import check


def instance_if_frozen(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """Support instance-IF without the derivative of the inner inverse Hessian (n, p)."""
    check(problem.tasks, perturbations)
    if not isinstance(problem.adaptation, Proximal) or isinstance(problem.adaptation, ProximalCG):
        raise InvalidProblem(
            "freezing the inner inverse needs Proximal adaptation, which forms one"
        )
    for p in perturbations:
        if p.kind != "support":
            raise InvalidProblem(f"support instances only; {p} is not one")
    problem.check_stationary()
    used = sorted({p.task for p in perturbations})
    rows = _products(problem, used)
    rhs = torch.stack([rows[used.index(p.task), p.instance] for p in perturbations], dim=1)
    return -apply_inverse(problem, rhs).solution.T


def _products(problem: Problem, used: list[int]) -> Tensor:
    """w_k d/dlam of d L_O/d u_j with B constant, for all instances of the tasks (tasks, n_s, p)."""
    lam, adaptation, setting = problem.lam, problem.adaptation, problem.setting

    def one(task: TaskView, state: Any) -> Tensor:
        def along(at: Tensor) -> Tensor:
            theta = adaptation.adapt(setting, at, task, state)

            def instances(th: Tensor) -> Tensor:
                return setting.inner_loss(setting.model(th, task.support_x), task.support_y)

            slope = grad(lambda th: problem.loss_at(at, th, task))(theta)
            return -jacrev(instances)(theta) @ (state[1] @ slope)

        return jacrev(along)(lam)

    tasks = problem.tasks.select(used)
    rows = each(problem, lam, one, tasks, size=problem.plan.chunk)
    return tasks.w[:, None, None] * rows
