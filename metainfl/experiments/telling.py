"""What an interval says of a claim: it holds, it does not, or that cannot be told."""

from __future__ import annotations

from metainfl.experiments.experiment import UNTOLD, Holds
from metainfl.metrics.intervals import Interval


def told(yes: bool, no: bool) -> Holds:
    """One of the two, or neither."""
    return "holds" if yes else "does not hold" if no else UNTOLD


def above(found: Interval, line: float = 0.0) -> Holds:
    """Whether a mean is above `line`: all of its interval must be, or none of it."""
    return told(found.low > line, found.high <= line)


def below(found: Interval, line: float) -> Holds:
    """Whether a mean is below `line`."""
    return told(found.high < line, found.low >= line)


def all_of(*words: Holds) -> Holds:
    """A claim of several parts: it holds where all do, and not where one does not."""
    return told(all(w == "holds" for w in words), "does not hold" in words)
