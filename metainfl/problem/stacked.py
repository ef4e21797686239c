"""Errors of one task of a stack, raised where only its place in the stack is known: placed by who asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from metainfl.errors import MetainflError
from metainfl.problem.definition import Definition
from metainfl.problem.failing import in_stack
from metainfl.problem.tasks import Tasks


@contextmanager
def placing(
    problem: Definition,
    tasks: Tasks,
    what: str,
    lam: Tensor | None = None,
    names: Sequence[int] | None = None,
) -> Iterator[None]:
    """Within, an error of "task k of its stack" says which of `tasks` that is: `what`, and place or name.

    The task is looked for one by one, once something has failed: stacks differ from call to call.
    """
    try:
        yield
    except MetainflError as error:
        if in_stack(error) is None:
            raise
        at = problem.lam if lam is None else lam
        for place in range(tasks.n_tasks):
            own = _failure(problem, at, tasks.select([place]))
            if own is None:
                continue
            name = place if names is None else names[place]
            own.args = (str(own).replace("task 0 of its stack", f"{what} {name}"),)
            for field in ("task", "target"):
                if hasattr(own, field):
                    setattr(own, field, name if field == what else None)
            raise own from error
        raise


def _failure(problem: Definition, lam: Tensor, alone: Tasks) -> MetainflError | None:
    """What the adaptation says to one task, or raises."""
    ((_, batch),) = alone.groups()
    try:
        problem.adaptation.check(problem.setting, batch)
        problem.adaptation.prepare(problem.setting, lam, batch.view())
    except MetainflError as error:
        return error if in_stack(error) == 0 else None
    return None
