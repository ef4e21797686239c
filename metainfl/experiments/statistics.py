"""Intervals over seeds, and paired differences: Student's t, 95 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr
from scipy.stats import t as student

from metainfl.errors import InvalidOption
from metainfl.experiments.detection import ranks_of


@dataclass(frozen=True)
class Interval:
    """Mean over n seeds and the half width of its 95 % interval; infinite for one seed."""

    mean: float
    half: float
    n: int

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half

    def __str__(self) -> str:
        """`0.781 +- 0.012 (5 seeds)`."""
        half = "unknown" if np.isinf(self.half) else f"{self.half:.2g}"
        return f"{self.mean:.3g} +- {half} ({self.n} seeds)"


def interval(values: Sequence[float]) -> Interval:
    """Of the mean of independent values, one a seed. Raises `InvalidOption` for none or a NaN."""
    x = np.asarray(values, dtype=float)
    if x.size == 0 or not np.isfinite(x).all():
        raise InvalidOption(f"an interval needs finite values, got {list(values)}")
    if len(x) == 1:
        return Interval(float(x[0]), float("inf"), 1)
    half = student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(half), len(x))


def paired(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Of the mean of a - b, pairs by seed."""
    if len(a) != len(b):
        raise InvalidOption(f"pairs need as many of each, got {len(a)} and {len(b)}")
    return interval([x - y for x, y in zip(a, b, strict=True)])


def rank_agreement(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's correlation; 0 where one side is constant: it ranks nothing."""
    ranks_of(a), ranks_of(b)
    if len(a) != len(b):
        raise InvalidOption(f"pairs need as many of each, got {len(a)} and {len(b)}")
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)
