"""What another right-hand side costs: C^{-1} b' in place of C^{-1} b (a frozen inner inverse, say)."""

from __future__ import annotations

import math


def right_hand_side(difference: float, low: float) -> float:
    """|b - b'| / low; `inf` unless low > 0."""
    return difference / low if low > 0 else math.inf
