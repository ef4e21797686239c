"""Influence on adapted parameters: inner-IF, I_adpt, and re-adaptation after an edit.

inner-IF(z)   d theta_k/du_j at fixed lam = -H_in^{-1} dl(z; theta_k)/dtheta     (001, Thm 4.6)
I_adpt(t)     d theta_t/d pi = (d theta_t/d lam) d lam*/d pi                     (002, eq. 6)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jacfwd, jvp, vmap

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem.tasks import Tasks, TaskView


def parameters(problem: Problem, tasks: Tasks | None = None, lam: Tensor | None = None) -> Tensor:
    """theta of each task, re-adapted from lam (default problem.lam): (T, q)."""
    at = problem.lam if lam is None else lam

    def one(task: TaskView, state: Any) -> Tensor:
        return problem.adaptation.adapt(problem.setting, at, task, state)

    return torch.cat([vmap(one)(v, s) for v, _, s in problem.chunks(at, tasks)]).detach()


def inner_influence(problem: Problem, task: int) -> Tensor:
    """d theta_k/du_j at fixed lam, one row a support instance (n_s, q): inner-IF."""
    lam = problem.lam
    for view, _, state in problem.chunks(lam, problem.tasks.select([task])):
        one, own = TaskView(*(t[0] for t in view)), tuple(s[0] for s in state)

        def theta(u: Tensor, one: TaskView = one, own: Any = own) -> Tensor:
            moved = one._replace(support_weight=u)
            return problem.adaptation.adapt(problem.setting, lam, moved, own)

        return jacfwd(theta)(one.support_weight).T.detach()
    raise AssertionError("a selection of one task has one chunk")


def adaptation_influence(problem: Problem, influence: Tensor, targets: Tasks) -> Tensor:
    """d theta_t/d pi for influences (n, p): (targets, n, q), by one forward pass an influence."""
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        def theta(at: Tensor) -> Tensor:
            return problem.adaptation.adapt(problem.setting, at, task, state)

        return vmap(lambda row: jvp(theta, (lam,), (row,))[1])(influence)

    return torch.cat([vmap(one)(v, s) for v, _, s in problem.chunks(lam, targets)]).detach()


def loss_gradients(problem: Problem, tasks: Tasks) -> Tensor:
    """dL_O/dtheta of each task at its adapted parameters (T, q): not a derivative in lam.

    For adaptations whose theta lives in the space of lam; a direct term of the loss is left out.
    """
    if not problem.adaptation.same_space:
        raise InvalidProblem("theta and lam live in other spaces here: their gradients do not mix")
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        theta = problem.adaptation.adapt(problem.setting, lam, task, state)

        def loss(th: Tensor) -> Tensor:
            outputs = problem.adaptation.outputs(problem.setting, lam, th, task.query_x)
            return (task.query_weight * problem.outer_loss(outputs, task.query_y)).sum()

        return grad(loss)(theta)

    return torch.cat([vmap(one)(v, s) for v, _, s in problem.chunks(lam, tasks)]).detach()
