"""Whether what a user's own code gives forwards is what it gives backwards, where both are needed.

    <u, J v> = <J' u, v> of the outputs and of the loss's gradient at them (Gauss-Newton), or of theta(lam)
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
from metainfl.problem import Tasks, TaskView
from metainfl.problem.normal import normal

#: a function, and where it is looked at
Along = tuple[Callable[[Tensor], Tensor], Tensor]
WRONG = 1e-3


def require_both_ways(problem: Problem) -> None:
    """`InvalidProblem` where forward and reverse derivatives of one task's outputs or loss disagree."""

    def one(task: TaskView, state: Any) -> list[Along]:
        def outputs(at: Tensor) -> Tensor:
            return problem.outputs(at, at, task, state)

        def slope(y: Tensor) -> Tensor:
            found: Tensor = grad(
                lambda y: (task.query_weight * problem.outer_loss(y, task.query_y)).sum()
            )(y)
            return found

        return [(outputs, problem.lam), (slope, outputs(problem.lam))]

    _require(problem, one, None, "the model or a loss", "Gauss-Newton needs it")


def require_adapted_both_ways(problem: Problem, targets: Tasks) -> None:
    """The same of the adapted parameters of each target."""

    def one(task: TaskView, state: Any) -> list[Along]:
        return [(lambda at: problem.adapted(at, task, state), problem.lam)]

    _require(problem, one, targets, "the adaptation", "its influence needs it")


def _require(
    problem: Problem,
    along: Callable[[TaskView, Any], list[Along]],
    tasks: Tasks | None,
    whose: str,
    why: str,
) -> None:
    if not own_code(problem):
        return

    def gaps(task: TaskView, state: Any) -> Tensor:
        return torch.stack([_gap(f, x) for f, x in along(task, state)])

    found = each(problem, problem.lam, gaps, tasks, size=problem.plan.chunk).amax(1)
    worst = int(found.argmax())
    if found[worst] > WRONG:
        raise InvalidProblem(
            f"the forward derivative of {whose} is not its reverse one on task {worst} (relative difference "
            f"{float(found[worst]):.2g}): the jvp of a torch.autograd.Function is wrong, and {why}; correct "
            "or remove it, or write the operation in plain torch"
        )


def _gap(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    v = normal(*x.shape, like=x)
    y, along = jvp(f, (x,), (v,))
    u = normal(*y.shape, like=y, seed=1)
    (back,) = vjp(f, x)[1](u)
    return ((u * along).sum() - (back * v).sum()).abs() / (
        back.norm() * v.norm() + torch.finfo(x.dtype).tiny
    )
