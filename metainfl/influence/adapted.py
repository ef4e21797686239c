"""Influence on adapted parameters: inner-IF, I_adpt, and re-adaptation after an edit.

inner-IF(z)   d theta_k/du_j at fixed lam = -H_in^{-1} dl(z; theta_k)/dtheta     (001, Thm 4.6)
I_adpt(t)     d theta_t/d pi = (d theta_t/d lam) d lam*/d pi                     (002, eq. 6)
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.func import grad, vmap

from metainfl.curvature.both_ways import require_adapted_both_ways
from metainfl.derive.finite import finite_rows
from metainfl.derive.loop import each
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.operations.forward import jacfwd, jvp
from metainfl.problem import Perturbation, Tasks, TaskView
from metainfl.problem.asked import require_problem, require_targets, rows
from metainfl.problem.steady import steadily
from metainfl.problem.weights import check


@steadily
def parameters(problem: Problem, tasks: Tasks | None = None, lam: Tensor | None = None) -> Tensor:
    """theta of each task, re-adapted from lam (default problem.lam): (T, q)."""
    require_problem(problem)
    at = problem.lam if lam is None else problem.place(lam)

    def one(task: TaskView, state: Any) -> Tensor:
        return problem.adapted(at, task, state)

    found = each(problem, at, one, tasks, size=problem.plan.chunk)
    return finite_rows(problem, at, found, "adaptation", tasks)


@steadily
def inner_influence(problem: Problem, task: int) -> Tensor:
    """d theta_k/du_j at fixed lam, one row a support instance (n_s, q): inner-IF.

    Rows of instances of weight 0 (padding) are those of another instance of the task, and mean nothing.
    """
    require_problem(problem)
    check(problem.tasks, [Perturbation("task", task)])
    lam, alone = problem.lam, problem.tasks.select([task])
    require_adapted_both_ways(problem, alone)

    def one(view: TaskView, state: Any) -> Tensor:
        def theta(u: Tensor) -> Tensor:
            moved = view._replace(support_weight=u)
            return problem.adapted(lam, moved, state)

        return jacfwd(theta)(view.support_weight).T

    found = each(problem, lam, one, alone, size=1)
    return finite_rows(problem, lam, found, "inner influence", alone)[0]


@steadily
def adaptation_influence(problem: Problem, influence: Tensor, targets: Tasks) -> Tensor:
    """d theta_t/d pi for influences (n, p): (targets, n, q), by one forward pass an influence."""
    targets, lam = require_targets(problem, targets), problem.lam
    influence = rows(influence, lam, "influence")
    if not len(influence):  # as many numbers a target as theta has
        return parameters(problem, targets)[:, None][:, :0]
    require_adapted_both_ways(problem, targets)

    def one(task: TaskView, state: Any) -> Tensor:
        def theta(at: Tensor) -> Tensor:
            return problem.adapted(at, task, state)

        return vmap(lambda row: jvp(theta, (lam,), (row,))[1])(influence)

    found = each(problem, lam, one, targets, size=problem.plan.chunk)
    return finite_rows(problem, lam, found, "influence on the adaptation", targets)


@steadily
def loss_gradients(problem: Problem, tasks: Tasks) -> Tensor:
    """dL_O/dtheta of each task at its adapted parameters (T, q): not a derivative in lam.

    For adaptations whose theta lives in the space of lam; a direct term of the loss is left out.
    """
    require_problem(problem)
    if not problem.adaptation.same_space:
        raise InvalidProblem("theta and lam live in other spaces here: their gradients do not mix")
    lam, plain = problem.lam, problem.replaced(direct=0.0)

    def one(task: TaskView, state: Any) -> Tensor:
        theta = problem.adapted(lam, task, state)
        slope: Tensor = grad(lambda th: plain.loss_at(lam, th, task))(theta)
        return slope

    found = each(problem, lam, one, tasks, size=problem.plan.chunk)
    return finite_rows(problem, lam, found, "gradient", tasks)
