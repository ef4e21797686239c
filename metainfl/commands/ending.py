"""SIGTERM as Ctrl-C: a scheduler that ends a command leaves it the time to keep what it has."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Ending:
    """Whether SIGTERM came."""

    asked: bool = False

    @property
    def status(self) -> int:
        """Of an interrupted command: 128 and the number of the signal that ended it."""
        return 128 + (signal.SIGTERM if self.asked else signal.SIGINT)


@contextmanager
def terminable() -> Iterator[Ending]:
    """Within, the first SIGTERM raises KeyboardInterrupt; further ones wait until what is kept is written."""
    ending, own = Ending(), os.getpid()
    if threading.current_thread() is not threading.main_thread():
        yield ending  # signals are the main thread's affair
        return

    def told(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:  # forked from here: it has nothing to keep
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        elif not ending.asked:
            ending.asked = True
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
