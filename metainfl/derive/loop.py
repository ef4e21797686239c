"""The only loop over tasks: stacks of a few tasks of one shape (`stacks`), their sum, and one row a task.

    total    sum over stacks of f(stack), in a fixed order
    each     f(task) of every task, one row a task, in the order of the tasks
    into     f adds what a stack contributes to an array of any other shape
Memory does not grow with tasks: a stack is made, used and dropped. Work that is shared between processes
(`share`) is shared here and nowhere else: each process has some of the tasks, all of them get the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from metainfl.derive.batching import over_tasks
from metainfl.derive.failure import named
from metainfl.derive.share import ALONE, Of, T, current, own_part, sharing
from metainfl.derive.stacks import Stack, one_by_one_if_need_be, stacks, tried
from metainfl.errors import InvalidProblem
from metainfl.problem import Definition, Tasks, TaskView

PerTask = Callable[[TaskView, Any], Tensor]


def total(
    problem: Definition,
    lam: Tensor,
    f: Callable[[Stack], Tensor],
    start: Tensor,
    *,
    tasks: Tasks | None = None,
    size: int,
    skip: int = 0,
    own: Tensor | None = None,
    of: Of = (),
) -> Tensor:
    """start + sum over stacks of f(stack); `own` stands for the first `skip` of `own_stacks`' tasks, `of` is
    what f reads beside lam and the tasks.
    """
    share = current()
    out = start if share.rank == 0 else torch.zeros_like(start)
    out = out if own is None else out + own
    with own_part(), sharing(ALONE):
        for stack in stacks(problem, lam, tasks, size=size, skip=skip, share=share):
            for part in one_by_one_if_need_be(f, stack, problem, lam):
                out = out + part
    every = (lam, start, problem.tasks if tasks is None else tasks, *of)
    return share.summed(out.detach(), every)


def each(
    problem: Definition, lam: Tensor, f: PerTask, tasks: Tasks | None = None, *, size: int
) -> Tensor:
    """f(task, state) of every task (T, ...), batched over the tasks of a stack."""

    def rows(stack: Stack) -> Tensor:
        return over_tasks(f, stack.view, stack.state)

    return each_stack(problem, lam, rows, tasks, size=size)


def each_stack(
    problem: Definition,
    lam: Tensor,
    f: Callable[[Stack], Tensor],
    tasks: Tasks | None = None,
    *,
    size: int,
) -> Tensor:
    """The same for a function of a whole stack that returns one row a task."""
    share = current()
    places, found = [], []
    with own_part(), sharing(ALONE):
        for stack in stacks(problem, lam, tasks, size=size, share=share):
            places.append(stack.places)
            found += [part.detach() for part in one_by_one_if_need_be(f, stack, problem, lam)]
        one_shape({tuple(t.shape[1:]) for t in found})
    mine = torch.cat(places) if places else torch.zeros(0, dtype=torch.long, device=lam.device)
    of = (lam, problem.tasks if tasks is None else tasks)
    order, rows = share.gathered(mine, torch.cat(found) if found else None, of)
    if rows is None:
        raise InvalidProblem("there are no tasks")
    out = torch.empty_like(rows)
    out[order] = rows
    return out


def one_shape(shapes: set[tuple[int, ...]]) -> None:
    """`InvalidProblem` for rows that cannot stand below each other."""
    if len(shapes) > 1:
        raise InvalidProblem(
            f"tasks of different shapes give rows of different shapes here, {sorted(shapes)}: ask for "
            "the batches of tasks.groups() one at a time"
        )


def into(
    problem: Definition,
    lam: Tensor,
    out: Tensor,
    f: Callable[[Stack, Tensor], None],
    tasks: Tasks | None = None,
    *,
    size: int,
    of: Of = (),
) -> Tensor:
    """`out` after f(stack, out) has added every stack's part to it in place."""
    share = current()
    out = out if share.rank == 0 else torch.zeros_like(out)
    with own_part(), sharing(ALONE):
        for stack in stacks(problem, lam, tasks, size=size, share=share):
            with named(tried(problem, lam, stack)):
                f(stack, out)
    return share.summed(out.detach(), (lam, problem.tasks if tasks is None else tasks, *of))


def together(own: Tensor, of: Of = ()) -> Tensor:
    """The sum of what each process found of its own tasks' stacks (those of `own_stacks`), in `own_part`."""
    return current().summed(own, of)


def agreed(value: T) -> T:
    """The first process's value, in all of them: of what hangs on a clock, and decides what is done."""
    return current().told(value)


def whose() -> tuple[int, int]:
    """Whose tasks `own_stacks` gives now, for those who keep them: which process, of how many."""
    share = current()
    return share.rank, share.size


def own_stacks(
    problem: Definition, lam: Tensor, tasks: Tasks | None = None, *, size: int
) -> Iterator[Stack]:
    """`stacks` of this process's tasks, for those who keep them; then add up with `together`."""
    return stacks(problem, lam, tasks, size=size, share=current())
