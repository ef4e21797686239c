"""Whether what a user's own code gives forwards is what it gives backwards: Gauss-Newton needs both.

    <u, J v> = <J' u, v> of the outputs, and the same of the loss's gradient at them
Products of H go one way, which is held to differences (`derive.differences`); the jvp of a
torch.autograd.Function is another program than its backward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vjp

from metainfl.derive.loop import each
from metainfl.derive.own_code import own_code
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.operations.forward import jvp
from metainfl.problem import TaskView
from metainfl.problem.normal import normal

WRONG = 1e-3


def require_both_ways(problem: Problem) -> None:
    """`InvalidProblem` where forward and reverse derivatives of one task disagree."""
    if not own_code(problem):
        return
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        def outputs(at: Tensor) -> Tensor:
            return problem.outputs(at, at, task, state)

        def slope(y: Tensor) -> Tensor:
            found: Tensor = grad(
                lambda y: (task.query_weight * problem.outer_loss(y, task.query_y)).sum()
            )(y)
            return found

        return torch.stack([_gap(outputs, lam), _gap(slope, outputs(lam))])

    gaps = each(problem, lam, one, size=problem.plan.chunk).amax(1)
    worst = int(gaps.argmax())
    if gaps[worst] > WRONG:
        raise InvalidProblem(
            f"the forward derivative of the model or a loss is not its reverse one on task {worst} (relative "
            f"difference {float(gaps[worst]):.2g}): the jvp of a torch.autograd.Function is wrong, and "
            "Gauss-Newton needs it; correct or remove it, or write the operation in plain torch"
        )


def _gap(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    v = normal(*x.shape, like=x)
    y, along = jvp(f, (x,), (v,))
    u = normal(*y.shape, like=y, seed=1)
    (back,) = vjp(f, x)[1](u)
    return ((u * along).sum() - (back * v).sum()).abs() / (
        back.norm() * v.norm() + torch.finfo(x.dtype).tiny
    )
