"""What a call may leave at work in its process: threads, signal handlers, timers."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Any

HANDLED = tuple(sorted(signal.valid_signals()))
GRACE = 0.5  # seconds in which a thread that was told to end may do so
SEEN, SHORT = (
    3,
    0.01,
)  # after so many calls in a row that left one, such a thread is given this long
#: calls in a row, of one method, that left a thread
_LEFT = [0]


class Threads:
    """The threads there are; equal where none of them is new and still at work after a moment."""

    def __init__(self) -> None:
        self.alive = set(threading.enumerate())

    def __eq__(self, other: object) -> bool:
        """None left; `other` came first."""
        if not isinstance(other, Threads):
            return False
        end = time.monotonic() + (GRACE if _LEFT[0] < SEEN else SHORT)
        new = self.alive - other.alive
        for thread in new:
            thread.join(max(0.0, end - time.monotonic()))
        left = any(thread.is_alive() for thread in new)
        _LEFT[0] = _LEFT[0] + 1 if left else 0
        return not left

    __hash__ = None  # type: ignore[assignment]


def another_method() -> None:
    """Its threads are waited for as if no other had left any."""
    _LEFT[0] = 0


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
