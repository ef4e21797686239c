"""Draws from the random numbers of Python or numpy, which torch does not see.

Two calls may agree though each draws (a rare branch, a draw that is rounded away); the generators' states
tell. Another thread may draw meanwhile: what is drawn in every call, and never between calls, is ours.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from metainfl.errors import InvalidProblem

AGAIN = 2  # further calls that must have drawn, too
T = TypeVar("T")


def undrawn(f: Callable[[], T]) -> T:
    """What f() returns; `InvalidProblem` where it draws from `random` or `numpy.random`.

    What f() itself refuses may be the draw's work (two calls that differ), so the draw is named before it.
    """
    before, began = _states(), time.perf_counter()
    try:
        found = f()
    except InvalidProblem:
        _require_undrawn(f, before, time.perf_counter() - began)
        raise
    _require_undrawn(f, before, time.perf_counter() - began)
    return found


def _require_undrawn(f: Callable[[], object], before: dict[str, object], took: float) -> None:
    """Of a call that began at the states `before`, has just ended, and took so many seconds."""
    after = _states()
    for _ in range(AGAIN):
        if before == after:
            return
        before = _states()
        with contextlib.suppress(InvalidProblem):
            f()
        after = _states()
    if before == after:
        return
    name = next(n for n in before if before[n] != after[n])
    idle = _states()
    time.sleep(took)
    if idle != _states():
        return
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
