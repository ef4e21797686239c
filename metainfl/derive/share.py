"""Whose tasks are whose where several processes share a loop, and how what they found comes together.

One process has all tasks (`ALONE`). `metainfl.scale.ranks` puts another `Share` in its place for the time
of a `with` block; only the loop (`metainfl.derive.loop`) asks for it. Every process gets the same sums, bit
for bit: parts are added in the order of the ranks. `of` is what a sum is of (tensors, tasks): processes that
come with different ones are refused, and an error of one is raised in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from torch import Tensor

from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks

#: what every process must come with, in one order
Of = Sequence[Tensor | Tasks | Sequence[Perturbation]]

T = TypeVar("T")


class Share:
    """One process of one."""

    rank = 0
    size = 1

    def part(self, n: int) -> tuple[int, int]:
        """First and behind last of n tasks of one shape that are this process's own."""
        return n * self.rank // self.size, n * (self.rank + 1) // self.size

    def summed(self, own: Tensor, of: Of = ()) -> Tensor:
        """The sum over processes of what each found; same shape everywhere."""
        return own

    def gathered(
        self, places: Tensor, rows: Tensor | None, of: Of = ()
    ) -> tuple[Tensor, Tensor | None]:
        """Places and rows (n, ...) of all processes, one after the other; None: no task of its own."""
        return places, rows

    def told(self, value: T) -> T:
        """The first process's value, in all of them."""
        return value

    def failed(self, error: Exception) -> None:
        """Tell the other processes, on their way to a sum, that there is none."""


ALONE = Share()
_share: ContextVar[Share] = ContextVar("share", default=ALONE)


def current() -> Share:
    """The share of this process in what it computes now."""
    return _share.get()


@contextmanager
def own_part() -> Iterator[None]:
    """Within, a process is at work alone, on its way to a sum: what it fails on, all of them raise."""
    try:
        yield
    except Exception as error:
        current().failed(error)
        raise


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Within, loops over tasks are shared like this; not in threads that are started within."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)
