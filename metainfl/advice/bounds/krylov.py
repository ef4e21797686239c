"""What stopping CG early leaves: by its residual afterwards, by the condition number beforehand.

|x - x_n| <= |b - C x_n| / low
|x - x_n| <= 2 sqrt(k) r^n |x|,   r = (sqrt(k) - 1)/(sqrt(k) + 1)   (sqrt(k): from A-norm to 2-norm)
"""

from __future__ import annotations

import math


def residual(remains: float, low: float) -> float:
    """|b - C x| / low, for any x however found; `inf` unless low > 0."""
    return remains / low if low > 0 else math.inf


def relative(rtol: float, condition: float) -> float:
    """rtol k, the share of |x| at most that is missing at a residual of rtol |b|: |b| <= high |x|."""
    return rtol * condition


def iterations(condition: float, n: int, step: float) -> float:
    """2 sqrt(k) ((sqrt(k) - 1)/(sqrt(k) + 1))^n |x|, from the start 0."""
    root = math.sqrt(condition)
    return 2 * root * ((root - 1) / (root + 1)) ** n * step


def iterations_for(condition: float, wanted: float) -> int:
    """Iterations after which the relative error is at most `wanted`: sqrt(k)/2 ln(2 sqrt(k)/wanted)."""
    root = math.sqrt(condition)
    return max(1, math.ceil(0.5 * root * math.log(2 * root / wanted)))
