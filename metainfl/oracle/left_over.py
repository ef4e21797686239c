"""What a call may leave at work in its process: threads, signal handlers, timers."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Any

from metainfl.oracle.patience import Patience

HANDLED = tuple(sorted(signal.valid_signals()))
_PATIENCE = Patience()


class Threads:
    """The threads there are; equal where none of them is new and still at work after a moment."""

    def __init__(self) -> None:
        self.alive = set(threading.enumerate())

    def __eq__(self, other: object) -> bool:
        """None left; `other` came first."""
        if not isinstance(other, Threads):
            return False
        end = time.monotonic() + _PATIENCE.seconds
        new = self.alive - other.alive
        for thread in new:
            thread.join(max(0.0, end - time.monotonic()))
        return not _PATIENCE.told(any(thread.is_alive() for thread in new))

    __hash__ = None  # type: ignore[assignment]


def handlers() -> list[Any]:
    """What handles each of `HANDLED`."""
    return [signal.getsignal(s) for s in HANDLED]


def handle(value: list[Any]) -> None:
    """Those again."""
    for number, handler in zip(HANDLED, value, strict=True):
        if signal.getsignal(number) is handler:
            continue
        with contextlib.suppress(
            ValueError, TypeError, OSError
        ):  # not the main thread; not Python's
            signal.signal(number, handler)


def ticking() -> bool:
    """Whether a timer will raise an alarm."""
    return hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL)[0] > 0


def stop_ticking(ticked: bool) -> None:
    """No alarm, where there was to be none."""
    if not ticked:
        signal.setitimer(signal.ITIMER_REAL, 0)
