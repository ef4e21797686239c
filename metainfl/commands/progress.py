"""Progress of long commands: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from metainfl.errors import Interrupted

Show = Callable[[int, int, str], None]
EVERY = 10.0  # seconds between lines where there is no terminal


@dataclass
class Watch:
    """How far the work is: steps done, and the share of its cost.

    `costs` are relative costs of the steps, in order; without them all steps count alike.
    """

    unit: str
    verb: str
    costs: Sequence[float] = ()
    done: int = 0
    total: int = 0
    what: str = "starting"
    started: float = field(default_factory=time.monotonic)
    changed: Callable[[], None] = lambda: None

    def __call__(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps are over, and the next one is `what`."""
        self.done, self.total, self.what = done, total, what
        self.changed()

    @property
    def weighed(self) -> bool:
        """Whether the costs are about this work."""
        return len(self.costs) == self.total and sum(self.costs) > 0

    @property
    def share(self) -> float:
        """Cost done over cost of everything, from 0 to 1; of steps, where costs are not known."""
        if not self.weighed:
            return self.done / self.total if self.total else 0.0
        spent = [0.0, *accumulate(self.costs)]
        return spent[self.done] / spent[-1]

    def line(self) -> str:
        """`4 of 43 rows, 12% of the work, 31 s, about 227 s left: task-IF`; no share without costs."""
        seconds = time.monotonic() - self.started
        if not self.total:
            return f"{self.what}, {seconds:.0f} s"
        steps = f"{self.done} of {self.total} {self.unit}"
        share = f", {self.share:.0%} of the work" if self.weighed else ""
        left = ""
        if 0 < self.share < 1 and seconds >= 1:
            left = f", about {seconds * (1 - self.share) / self.share:.0f} s left"
        return f"{steps}{share}, {seconds:.0f} s{left}: {self.what}"

    def left(self) -> str:
        """What an interrupted run has to say."""
        if not self.total:
            return f"nothing was {self.verb} yet"
        rest = self.total - self.done
        others = "the other one was not" if rest == 1 else f"the other {rest} were not"
        return f"{self.done} of {self.total} {self.unit} {self.verb}; {others}"


@contextmanager
def bar(
    wanted: bool, unit: str = "steps", verb: str = "finished", costs: Sequence[float] = ()
) -> Iterator[Watch]:
    """Shows on stderr how far the work is; Ctrl-C inside is raised again with what was left undone."""
    watch = Watch(unit, verb, costs)
    shown = _nothing if not wanted else _bar if sys.stderr.isatty() else _lines
    try:
        with shown(watch):
            yield watch
    except Interrupted as error:  # the command reads its result
        raise Interrupted(watch.left(), error.result) from error
    except KeyboardInterrupt as error:  # where it says itself what is kept, that is told
        raise KeyboardInterrupt(str(error) or watch.left()) from error


@contextmanager
def _nothing(watch: Watch) -> Iterator[None]:
    yield


@contextmanager
def _lines(watch: Watch) -> Iterator[None]:
    """A thread of its own: a line comes also while one step takes minutes."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(EVERY):
            print(watch.line(), file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@contextmanager
def _bar(watch: Watch) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.fields[steps]}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=3600,  # of the whole run: its steps are of very unequal length
    ) as shown:
        item = shown.add_task(watch.what, total=1.0, steps="")

        def changed() -> None:
            steps = f"{watch.done}/{watch.total}"
            shown.update(item, completed=watch.share, description=watch.what, steps=steps)

        watch.changed = changed
        yield
