"""The only loop over tasks: stacks of a few tasks of one shape, their sum, and one row a task.

    stacks   what is differentiated together, its weights and prepared adaptation
    total    sum over stacks of f(stack), in a fixed order
    each     f(task) of every task, one row a task, in the order of the tasks
    into     f adds what a stack contributes to an array of any other shape
Memory does not grow with tasks: a stack is made, used and dropped. Work that is shared between processes
(`share`) is shared here and nowhere else: each process has some of the tasks, all of them get the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metainfl.derive.batching import over_tasks
from metainfl.derive.failure import Tried, named
from metainfl.derive.modes import require_plain
from metainfl.derive.padding import without_padding
from metainfl.derive.rows_apart import require_rows_apart
from metainfl.derive.share import ALONE, Of, Share, current, own_part, sharing
from metainfl.errors import InvalidProblem, MetainflError
from metainfl.problem import Definition, Tasks, TaskView
from metainfl.problem.asked import suited
from metainfl.problem.failing import at

PerTask = Callable[[TaskView, Any], Tensor]


class Stack(NamedTuple):
    """Some tasks of one shape: data, weights (n,), prepared adaptation, places (n,) among all tasks."""

    view: TaskView
    w: Tensor
    state: Any
    places: Tensor


def stacks(
    problem: Definition,
    lam: Tensor,
    tasks: Tasks | None = None,
    *,
    size: int,
    skip: int = 0,
    share: Share = ALONE,
) -> Iterator[Stack]:
    """All tasks of `share` but the first `skip` in the loop's own order, at most `size` at a time."""
    require_plain(lam)
    ours = tasks is None or tasks is problem.tasks
    tasks = problem.tasks if tasks is None or ours else suited(problem, lam, tasks)
    for places, batch in tasks.groups():
        first, behind = share.part(batch.n_tasks)
        if skip >= behind - first:
            skip -= behind - first
            continue
        every = batch.view()
        whole = ours and behind - first == tasks.n_tasks <= size and not skip
        for start in range(first + skip, behind, size):
            part = slice(start, min(start + size, behind))
            given = TaskView(*(t[part] for t in every))
            view = without_padding(given)
            if view is not given:
                require_rows_apart(problem, lam, view)
            # all tasks in one stack, where influences are taken: prepared once and kept
            kept = whole and problem.at(lam)
            own = lam, tasks, view, problem.adaptation, problem.setting
            state = problem.memory.recall(*own) if kept else None
            if state is None:
                tried = Tried(problem, lam, view, None, places[part])
                with at(places[part]), named(tried):
                    state = problem.adaptation.prepare(problem.setting, lam, view)
                if kept:
                    problem.memory.keep(*own, state)
            yield Stack(view, batch.w[part], state, places[part])
        skip = 0


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
) -> Tensor:
    """start + sum over stacks of f(stack); `own` stands for the first `skip` of `own_stacks`' tasks."""
    share = current()
    out = start if share.rank == 0 else torch.zeros_like(start)
    out = out if own is None else out + own
    with own_part(), sharing(ALONE):
        for stack in stacks(problem, lam, tasks, size=size, skip=skip, share=share):
            for part in one_by_one_if_need_be(f, stack, problem, lam):
                out = out + part
    return share.summed(out.detach(), (lam, start, problem.tasks if tasks is None else tasks))


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
) -> Tensor:
    """`out` after f(stack, out) has added every stack's part to it in place."""
    share = current()
    out = out if share.rank == 0 else torch.zeros_like(out)
    with own_part(), sharing(ALONE):
        for stack in stacks(problem, lam, tasks, size=size, share=share):
            with named(tried(problem, lam, stack)):
                f(stack, out)
    return share.summed(out.detach(), (lam, problem.tasks if tasks is None else tasks))


def together(own: Tensor, of: Of = ()) -> Tensor:
    """The sum of what each process found of its own tasks' stacks (those of `own_stacks`), in `own_part`."""
    return current().summed(own, of)


def own_stacks(
    problem: Definition, lam: Tensor, tasks: Tasks | None = None, *, size: int
) -> Iterator[Stack]:
    """`stacks` of this process's tasks, for those who keep them; then add up with `together`."""
    return stacks(problem, lam, tasks, size=size, share=current())


def tried(problem: Definition, lam: Tensor, stack: Stack) -> Tried:
    """What is computed of a stack, should it fail."""
    return Tried(problem, lam, stack.view, stack.state, stack.places)


def one_by_one_if_need_be(
    f: Callable[[Stack], Tensor], stack: Stack, problem: Definition, lam: Tensor
) -> Iterator[Tensor]:
    """f of the stack, or of each of its tasks where torch cannot batch what f does."""
    if len(stack.w) > 1:
        try:
            whole = f(stack)
        except MetainflError:
            raise
        except Exception:
            whole = None
        if whole is not None:
            yield whole
            return
    for i in range(len(stack.w)):
        own = slice(i, i + 1)
        view, state = TaskView(*(t[own] for t in stack.view)), tuple(t[own] for t in stack.state)
        alone = Stack(view, stack.w[own], state, stack.places[own])
        with named(tried(problem, lam, alone)):
            part = f(alone)
        yield part
