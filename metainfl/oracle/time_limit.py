"""A limit on the time of a call in this process: an alarm, which a method can evade."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from metainfl.oracle.outcome import Failed


class TimedOut(BaseException):
    """The method ran past its limit. A BaseException, so that its own `except` cannot swallow it."""


def overdue(seconds: float) -> Failed:
    """The method did not come back."""
    words = f"still running after {seconds:g} s; the call was stopped"
    return Failed(words, cause=words)


@contextlib.contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `TimedOut` in the caller after `seconds`; main thread of a POSIX system only."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(signum: int, frame: Any) -> None:
        raise TimedOut

    before = signal.signal(signal.SIGALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)  # a test runner may have its own alarm going
        signal.signal(signal.SIGALRM, before)
