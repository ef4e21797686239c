"""Settings of a process that later programs feel as silence: blocked signals, timers of its own time, and
modules that were taken out of `sys.modules`, or replaced there.
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


class Timers:
    """Which timers run; equal where none runs that did not. One that went off meanwhile is its owner's."""

    def __init__(self) -> None:
        self.on = {t for t in TIMERS if signal.getitimer(t)[0] > 0}

    def __eq__(self, other: object) -> bool:
        """Nothing more; `other` came first."""
        return isinstance(other, Timers) and self.on <= other.on

    __hash__ = None  # type: ignore[assignment]

    def stop(self) -> None:
        """All but those."""
        for timer in set(TIMERS) - self.on:
            with contextlib.suppress(OSError):
                signal.setitimer(timer, 0)


class Modules:
    """What is imported; equal where nothing of it is gone or is another module."""

    def __init__(self) -> None:
        self.known: dict[str, ModuleType] = dict(sys.modules)

    def __eq__(self, other: object) -> bool:
        """Nothing gone or replaced; `other` came first."""
        return isinstance(other, Modules) and other.known.items() <= self.known.items()

    __hash__ = None  # type: ignore[assignment]

    def put(self) -> None:
        """What is gone, or was replaced, again."""
        sys.modules.update(self.known)


#: name -> how to read it, how to put it back
SIGNALS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "blocked signals": (blocked, block),
    "timers of the process's own time": (Timers, Timers.stop),
    "modules that were imported": (Modules, Modules.put),
}
