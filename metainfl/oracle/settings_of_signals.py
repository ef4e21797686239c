"""Settings of a process that later programs feel as silence: blocked signals, timers of its own time, and
modules that were taken out of `sys.modules`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: those that count the process's own time; `left_over` reads the one that counts the clock's
TIMERS = tuple(getattr(signal, n) for n in ("ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, n))


def blocked() -> set[Any]:
    """The signals that this thread does not receive."""
    return (
        signal.pthread_sigmask(signal.SIG_BLOCK, [])
        if hasattr(signal, "pthread_sigmask")
        else set()
    )


def block(value: set[Any]) -> None:
    """Those alone."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, value)


def timers() -> list[bool]:
    """Which timers run."""
    return [signal.getitimer(t)[0] > 0 for t in TIMERS]


def stop(value: list[bool]) -> None:
    """No timer that did not run."""
    for timer, ran in zip(TIMERS, value, strict=True):
        if not ran:
            with contextlib.suppress(OSError):
                signal.setitimer(timer, 0)


class Modules:
    """What is imported; equal where nothing of it is gone."""

    def __init__(self) -> None:
        self.known: dict[str, ModuleType] = dict(sys.modules)

    def __eq__(self, other: object) -> bool:
        """Nothing gone; `other` came first."""
        return isinstance(other, Modules) and not (set(other.known) - set(self.known))

    __hash__ = None  # type: ignore[assignment]

    def put(self) -> None:
        """What is gone again."""
        for name, module in self.known.items():
            sys.modules.setdefault(name, module)


#: name -> how to read it, how to put it back
SIGNALS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "blocked signals": (blocked, block),
    "timers of the process's own time": (timers, stop),
    "modules that were imported": (Modules, Modules.put),
}
