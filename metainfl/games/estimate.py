"""What an estimator of values returns: values, their errors, what they cost, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from metainfl.errors import InvalidOption
from metainfl.games.game import Array

Group = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values of players or groups, one row each: (n,), or (n, targets) where v has targets.

    errors    standard errors of the same shape; 0 where nothing was drawn
    groups    which players a row is about
    units     subsets or orders drawn; 0 where all were enumerated
    calls     different subsets whose value was needed, the empty and the full one included
    computed  those of them that were not known before; -1 where the game does not count
    stopped   "enumerated", "samples", "calls", "half width", "seconds" or "interrupted"
    level     of `interval`, each row by itself
    degrees   of freedom of the errors
    looks     how often a rule looked at the interval: paid for in `interval`
    """

    values: Array
    errors: Array
    groups: tuple[Group, ...]
    units: int
    calls: int
    computed: int
    stopped: str
    level: float = 0.95
    degrees: float = np.inf
    looks: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def interval(self) -> tuple[Array, Array]:
        """Lower and upper ends, of the values' shape, that hold each value with probability `level`.

        Student's t about means, normal for many units. After k looks by a rule the error probability a is
        a / (k (k + 1)), so that stopping when it looked good costs nothing.
        """
        half = half_width(self.errors, self.level, self.degrees, self.looks)
        return self.values - half, self.values + half


def half_width(errors: Array, level: float, degrees: float, looks: int) -> Array:
    """Half the length of the interval at each error; see `Estimate.interval`."""
    miss = (1 - level) / (looks * (looks + 1) if looks else 1)
    return np.asarray(student.isf(miss / 2, degrees) * errors)


def level_in(level: float) -> None:
    """Raise `InvalidOption` unless it is a probability."""
    if not 0 < level < 1:
        raise InvalidOption(f"a level of confidence lies between 0 and 1, got {level!r}")
