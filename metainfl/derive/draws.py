"""Draws from the random numbers of Python or numpy, which torch does not see.

Two calls may agree though each draws (a rare branch, a draw that is rounded away); the generators' states
tell. Another thread may draw meanwhile: what is drawn in every call, and never between calls, is ours.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from metainfl.errors import InvalidProblem

AGAIN = 2  # further calls that must have drawn, too
T = TypeVar("T")


def undrawn(f: Callable[[], T]) -> T:
    """What f() returns; `InvalidProblem` where it draws from `random` or `numpy.random`."""
    before, began = _states(), time.perf_counter()
    found = f()
    took = time.perf_counter() - began
    after = _states()
    for _ in range(AGAIN):
        if before == after:
            return found
        before = _states()
        f()
        after = _states()
    if before == after:
        return found
    name = next(n for n in before if before[n] != after[n])
    idle = _states()
    time.sleep(took)
    if idle != _states():
        return found
    raise InvalidProblem(
        f"the model or a loss draws random numbers ({name}): F would be another function at every call; "
        "take the randomness out, or draw it once, before the problem is made"
    )


def _states() -> dict[str, object]:
    """Of both generators, to be compared."""
    kind, keys, *rest = np.random.get_state()
    return {
        "Python's random": random.getstate(),
        "numpy.random": (kind, np.asarray(keys).tobytes(), *rest),
    }
