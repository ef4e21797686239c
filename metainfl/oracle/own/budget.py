"""The time that checks on one's own problem may take, and what ends with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from metainfl.derive.loop import agreed
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.time_limit import TimedOut, limit


class Budget:
    """So many minutes from now on."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.began = minutes, time.monotonic()
        self.ends = self.began + 60 * minutes

    @property
    def has_time(self) -> bool:
        """Whether the budget is not spent."""
        return agreed(time.monotonic() <= self.ends)

    @property
    def spent(self) -> float:
        """The share of the budget that is spent."""
        return agreed((time.monotonic() - self.began) / max(self.ends - self.began, 1e-300))

    def in_time(self) -> None:
        """Skip what would begin after the budget is spent."""
        if not self.has_time:
            raise Skipped(f"not asked: the budget of {self.minutes:g} minutes was spent; give more")

    @contextlib.contextmanager
    def within(self) -> Iterator[None]:
        """What is done in what is left of the budget, and stopped there: `Skipped`."""
        self.in_time()
        try:
            with limit(max(self.ends - time.monotonic(), 1e-3)):
                yield
        except TimedOut:
            words = f"stopped: a solve ran past the budget of {self.minutes:g} minutes; give more"
            raise Skipped(words) from None
