"""Whether what was computed is finite; where it is not, which task and which instance it came from."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.failure import named
from metainfl.derive.stacks import stacks
from metainfl.errors import NotFinite
from metainfl.problem import Definition, Tasks, TaskView


def finite_rows(
    problem: Definition, lam: Tensor, rows: Tensor, what: str, tasks: Tasks | None = None
) -> Tensor:
    """The rows (T, ...), one a task; `NotFinite` names the first task that has none."""
    _finite_lam(lam)
    good = torch.isfinite(rows).reshape(len(rows), -1).all(1)
    if not good.all():
        _blame(
            problem, lam, problem.tasks if tasks is None else tasks, int((~good).nonzero()[0]), what
        )
    return rows


def finite_vector(problem: Definition, lam: Tensor, value: Tensor, what: str) -> Tensor:
    """A sum over tasks; where it is not finite, the task that made it so is looked for."""
    _finite_lam(lam)  # a Hessian that is constant would not show it
    if torch.isfinite(value).all():
        return value
    for k in range(problem.tasks.n_tasks):
        loss, slope = _single(problem, lam, problem.tasks, k)
        if not (torch.isfinite(loss) and torch.isfinite(slope).all()):
            _blame(problem, lam, problem.tasks, k, what)
    raise NotFinite(
        f"the {what} is not finite, although every task's loss and gradient are: a second derivative "
        "does not exist here (a square root, norm or power at 0?), or a vector it is applied to is not "
        "finite",
        quantity=what,
    )


def _finite_lam(lam: Tensor) -> None:
    if not torch.isfinite(lam).all():
        place = int((~torch.isfinite(lam)).nonzero()[0])
        raise NotFinite(f"lam is not finite at index {place}", quantity="lam")


def _task(
    problem: Definition, lam: Tensor, tasks: Tasks, k: int
) -> tuple[TaskView, tuple[Tensor, ...]]:
    stack = next(stacks(problem, lam, tasks.select([k]), size=1))
    return TaskView(*(t[0] for t in stack.view)), tuple(s[0] for s in stack.state)


def adapted_first(problem: Definition, lam: Tensor, tasks: Tasks) -> Tensor:
    """Theta of the first task, finite or not."""
    task, state = _task(problem, lam, tasks, 0)
    with named(), torch.no_grad():
        return problem.adapted(lam, task, state)


def _single(problem: Definition, lam: Tensor, tasks: Tasks, k: int) -> tuple[Tensor, Tensor]:
    """Loss and gradient of one task."""
    task, state = _task(problem, lam, tasks, k)
    with named():
        slope = grad(problem.task_loss)(lam, task, state)
        return problem.task_loss(lam, task, state).detach(), slope.detach()


def _blame(problem: Definition, lam: Tensor, tasks: Tasks, k: int, what: str) -> NoReturn:
    """Raise with the first thing in task k that is not finite."""
    _finite_lam(lam)
    task, state = _task(problem, lam, tasks, k)
    with named(), torch.no_grad():
        theta = problem.adapted(lam, task, state)
        outputs = problem.outputs_at(lam, theta, task)
        losses = problem.outer_loss(outputs, task.query_y)
    instance: int | None = None
    if not torch.isfinite(theta).all():
        found, advice = (
            "its adapted parameters are not",
            "lower the inner rate, or look at its support set",
        )
    elif not torch.isfinite(outputs).all():
        instance = int((~torch.isfinite(outputs)).reshape(len(outputs), -1).any(1).nonzero()[0])
        found, advice = (
            f"the outputs on its query instance {instance} are not",
            "look at its inputs",
        )
    elif not torch.isfinite(losses).all():
        instance = int((~torch.isfinite(losses)).nonzero()[0])
        found = f"the outer loss of its query instance {instance} is not"
        advice = "a label that the outputs give no probability, or an overflow"
    else:
        found = "its loss is finite, so a derivative is not"
        advice = "a square root, norm, power or logarithm at 0, or an infinite value that torch.where hides"
    raise NotFinite(
        f"the {what} of task {k} is not finite: {found} ({advice})",
        quantity=what,
        task=k,
        instance=instance,
    )
