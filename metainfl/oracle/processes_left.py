"""Processes that a call starts: which of them are still at work, and how all of them are ended.

Read where the system tells (Linux); elsewhere nothing is seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from glob import glob
from pathlib import Path

from metainfl.oracle.patience import Patience

_PATIENCE = Patience()
SUBREAPER = 36  # prctl: who loses its parent becomes our child, not that of the first process


def children(of: int | str = "self") -> set[int]:
    """The processes that this one started and that have not ended."""
    found: set[int] = set()
    for file in glob(f"/proc/{of}/task/*/children"):
        with contextlib.suppress(OSError, ValueError):
            found |= {int(pid) for pid in Path(file).read_text().split()}
    return {pid for pid in found if _at_work(pid)}


def _at_work(pid: int) -> bool:
    """Whether it runs still: one that ended and was not asked how does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


class Processes:
    """The processes there are; equal where none of them is new and still at work after a moment."""

    def __init__(self) -> None:
        self.alive = children()

    def __eq__(self, other: object) -> bool:
        """None left; `other` came first."""
        if not isinstance(other, Processes):
            return False
        end, new = time.monotonic() + _PATIENCE.seconds, self.alive - other.alive
        while new and time.monotonic() < end:
            time.sleep(0.01)
            new = {pid for pid in new if _at_work(pid)}
        return not _PATIENCE.told(bool(new))

    __hash__ = None  # type: ignore[assignment]


def adopt() -> None:
    """From now on what a process of ours leaves behind is ours, and can be seen and ended."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Children, their children and so on; in sessions of their own too."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def end(pids: list[int]) -> None:
    """End these."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
