"""Some tasks of one shape that are differentiated together: data, weights and prepared adaptation.

A stack is made, used and dropped, so memory does not grow with tasks. Where torch cannot batch what is done
with one, its tasks are taken one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

from metainfl.derive.failure import Tried, named
from metainfl.derive.freed import kept_by_the_allocator
from metainfl.derive.left_out import require_left_out, without_weight
from metainfl.derive.modes import require_plain
from metainfl.derive.padding import without_padding
from metainfl.derive.rows_apart import require_rows_apart
from metainfl.derive.share import ALONE, Share
from metainfl.errors import MetainflError
from metainfl.problem import Definition, Tasks, TaskView
from metainfl.problem.asked import suited
from metainfl.problem.failing import at


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
    kept_by_the_allocator()
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
                require_left_out(problem, lam, view, without_weight(given))
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
