"""What damping costs: (C + d I)^{-1} b in place of C^{-1} b.

C^{-1} - (C + d I)^{-1} has the eigenvalues d / (s (s + d)), the largest at the smallest s.
"""

from __future__ import annotations

import math


def damping(low: float, d: float, size: float) -> float:
    """d / (low (low + d)) |b|, at most; `inf` unless low > 0 and d >= 0."""
    return relative(low, d) * size / low if low > 0 else math.inf


def relative(low: float, d: float) -> float:
    """d / (low + d), the share of |C^{-1} b| at most; `inf` unless low > 0 and d >= 0."""
    return d / (low + d) if low > 0 and d >= 0 else math.inf
