"""Local generators: nothing global is read or moved."""

from __future__ import annotations

import zlib

import numpy as np

from metainfl.errors import InvalidTasks
from metainfl.numbers import real


def generator(seed: int, use: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for each seed, use and numbers, the same on every machine.

    Uses are apart so that, with one seed everywhere, drawing episodes and corrupting them share nothing.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidTasks(f"a seed must be a whole number of at least 0, got {seed!r}")
    return np.random.default_rng([int(seed), zlib.crc32(use.encode()), *numbers])


def share(value: float, name: str) -> float:
    """A number in 0..1."""
    return real(value, name, ("a number between 0 and 1", lambda v: 0 <= v <= 1), InvalidTasks)


def whole(value: object, name: str) -> int:
    """A whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidTasks(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)
