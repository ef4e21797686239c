"""Intervals over seeds and paired differences (Student's t), and rank correlations with theirs: 95 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from scipy.stats import t as student

from metainfl.errors import InvalidOption
from metainfl.metrics.detection import numbers, ranks_of
from metainfl.numbers import NOT_NEGATIVE, real
from metainfl.problem.magnitude import divisor
from metainfl.training.scores import fisher


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
    x = numbers(values, "values of an interval")
    if x.size == 0 or not np.isfinite(x).all():
        raise InvalidOption(f"an interval needs finite values, got {list(values)}")
    if len(x) == 1:
        return Interval(float(x[0]), float("inf"), 1)
    unit = float(divisor(torch.from_numpy(x)))
    half = student.ppf(0.975, len(x) - 1) * ((x / unit).std(ddof=1) * unit) / np.sqrt(len(x))
    return Interval(float((x / unit).mean() * unit), float(half), len(x))


def resplit(gap: Interval, share: float) -> Interval:
    """The same where the n values are of n random splits of the same data, with `share` test instances to a
    training instance: splits overlap, so the variance of their mean is (1/n + share) s^2, not s^2/n.

    Source: Nadeau and Bengio 2003, Inference for the generalization error.
    """
    wide = (1 + gap.n * real(share, "share", NOT_NEGATIVE, InvalidOption)) ** 0.5
    return Interval(gap.mean, gap.half * wide, gap.n)


def paired(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Of the mean of a - b, pairs by seed."""
    x, y = numbers(a, "the first of the pairs"), numbers(b, "the second of the pairs")
    _pairs(x, y)
    return interval([float(d) for d in x - y])


def rank_agreement(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's correlation; 0 where one side is constant, or a single number: it ranks nothing."""
    x, y = ranks_of(a), ranks_of(b)
    _pairs(x, y)
    if (x == x[:1]).all() or (y == y[:1]).all():
        return 0.0
    if len(x) == 2:  # the two in one order, or not
        return 1.0 if (x[0] < x[1]) == (y[0] < y[1]) else -1.0
    return float(spearmanr(x, y).statistic)


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation of n pairs, and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """`0.81 (0.64 to 0.9), 40 pairs`."""
        return f"{self.value:.2g} ({self.low:.2g} to {self.high:.2g}), {self.n} pairs"


def correlation(a: Sequence[float], b: Sequence[float]) -> Correlation:
    """As `rank_agreement`, with its interval (`metainfl.training.scores.fisher`).

    Where a side is constant nothing is known of a correlation: 0, from -1 to 1.
    """
    r, n = rank_agreement(a, b), len(list(a))
    constant = any(len(set(ranks_of(side).tolist())) < 2 for side in (a, b))
    low, high = fisher(torch.tensor([r], dtype=torch.float64, device="cpu"), 0 if constant else n)[
        0
    ].tolist()
    return Correlation(r, low, high, n)


def _pairs(x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise InvalidOption(f"pairs need as many of each, got {len(x)} and {len(y)}")
