"""One task run before the real work: what would fail later, or silently go wrong, gets a name here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.errors import InvalidProblem
from metainfl.problem.tasks import Tasks, TaskView

if TYPE_CHECKING:
    from metainfl.derive.problem import Problem


def preflight(problem: Problem, tasks: Tasks, what: str = "task") -> None:
    """Raises `InvalidProblem` where model, losses and tasks cannot work together, or not repeatably."""
    labels = tasks.query_y
    integer = not labels.is_floating_point()
    buffers = _buffers(problem)
    first = _outputs(problem, tasks, what)
    if first.ndim < 2 or first.shape[0] != tasks.query_x.shape[1]:
        raise InvalidProblem(
            f"the model must return one row an instance, ({tasks.query_x.shape[1]}, outputs); it "
            f"returned {tuple(first.shape)} for a {what}"
        )
    if integer and not (int(labels.min()) >= 0 and int(labels.max()) < first.shape[1]):
        raise InvalidProblem(
            f"labels of the {what}s run from {int(labels.min())} to {int(labels.max())}, but the model "
            f"has {first.shape[1]} outputs: it was built for another number of ways"
        )
    if not torch.equal(first, _outputs(problem, tasks, what)):
        raise InvalidProblem(
            "the model gives different outputs on the same input: it draws random numbers or keeps "
            "state; call .eval(), or take the randomness out"
        )
    for name, before, now in buffers:
        if not torch.equal(before, now):
            raise InvalidProblem(f"buffer {name!r} of the module changes in forward; call .eval()")


def _outputs(problem: Problem, tasks: Tasks, what: str) -> Tensor:
    """Query outputs of the first task, adapted and batched as everything later is."""
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        return problem.outputs(lam, lam, task, state)

    try:
        # the problem's own tasks are taken whole: their adapted state is kept for what comes next
        whole = tasks is problem.tasks
        for view, _, state in problem.chunks(lam, tasks if whole else tasks.select([0])):
            first, own = TaskView(*(t[:1] for t in view)), tuple(t[:1] for t in state)
            return vmap(one)(first, own)[0].detach()
    except (RuntimeError, IndexError) as error:
        text = str(error).splitlines()[0]
        if "random" in text:
            text = "it draws random numbers (dropout?); call .eval(), or take the randomness out"
        elif "in-place" in text or "inplace" in text:
            text = f"it changes a tensor of its own in forward (a buffer?): {text}"
        raise InvalidProblem(
            f"the model or inner loss failed on the first {what}: {text}"
        ) from error
    raise AssertionError("a selection of one task has one chunk")


def _buffers(problem: Problem) -> list[tuple[str, Tensor, Tensor]]:
    module = getattr(problem.setting.model, "module", None)
    if module is None:
        return []
    return [(name, b.detach().clone(), b) for name, b in module.named_buffers()]
