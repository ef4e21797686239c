"""The line that a training run shows on stderr: loss, accuracy where there is one, remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from metainfl.errors import InvalidRecipe
from metainfl.problem.given import said
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import TaskView
from metainfl.training.given import yes_or_no
from metainfl.training.program import Program
from metainfl.training.state import State

#: told (steps done, steps in all, loss of the batch, state); the state is the one the loss was taken at
Watch = Callable[[int, int, float, State], None]
PERIOD = 0.5  # seconds between two looks at the accuracy: it costs a forward pass


@contextmanager
def bar(what: str, total: int, wanted: bool) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on stderr, if it is a terminal; what it yields is told steps done and a text."""
    wanted = wanted is not None and yes_or_no(wanted, "progress")
    console = Console(stderr=True)
    with Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (wanted and console.is_terminal),
    ) as shown:
        item = shown.add_task("", total=total)

        def tell(done: int, text: str) -> None:
            shown.update(item, completed=done, description=text)

        yield tell


@contextmanager
def watching(program: Program, steps: int, wanted: bool | Watch) -> Iterator[Watch | None]:
    """What a training loop tells its steps to: the bar, the caller's own function, or nothing."""
    if not isinstance(wanted, bool):
        if wanted is not None and not callable(wanted):
            raise InvalidRecipe(
                "progress is True, False, or a function told (steps done, steps in all, loss, state); "
                f"got {said(wanted)}"
            )
        yield wanted
        return
    if not (wanted and Console(stderr=True).is_terminal):
        yield None
        return
    classes = program.problem.outer_loss is cross_entropy
    with bar("training", steps, True) as tell:
        seen, text = 0.0, ""

        def show(done: int, total: int, loss: float, state: State) -> None:
            nonlocal seen, text
            now = time.monotonic()
            if now - seen > PERIOD:
                seen, text = now, f"loss {loss:.4g}"
                if classes:
                    text += f", accuracy {accuracy(program, done - 1, state):.3f}"
            tell(done, text)

        yield show


def accuracy(program: Program, t: int, state: State) -> float:
    """The share of query instances of step t's batch that are classified rightly, after adaptation."""
    problem, right, count = program.problem, 0.0, 0.0
    for stack, _ in program.stacks(t, state.lam, all_tasks=True):
        for i in range(len(stack.w)):
            task, own = TaskView(*(x[i] for x in stack.view)), tuple(s[i] for s in stack.state)
            with torch.no_grad():
                out = problem.outputs(state.lam, state.lam, task, own)
            y = task.query_y.argmax(1) if task.query_y.is_floating_point() else task.query_y
            counts = task.query_weight > 0
            right += float((out.argmax(1) == y)[counts].sum())
            count += float(counts.sum())
    return right / max(count, 1.0)
