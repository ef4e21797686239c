"""The progress bar of long commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Show = Callable[[int, int, str], None]


@contextmanager
def bar(wanted: bool) -> Iterator[Show]:
    """A progress bar with remaining time on stderr, if it is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (wanted and console.is_terminal),
    ) as shown:
        item = shown.add_task("starting", total=None)

        def show(done: int, total: int, what: str) -> None:
            shown.update(item, completed=done, total=total, description=what)

        yield show
