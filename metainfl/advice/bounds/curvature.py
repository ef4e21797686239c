"""What another matrix costs: C'^{-1} b in place of C^{-1} b.

    C'^{-1} - C^{-1} = C'^{-1} (C - C') C^{-1}
Gauss-Newton, Gamma, the Fisher matrices, K-FAC, EK-FAC, the identity and a pruned buffer are each some
C'. Where C' is not positive definite there is no bound: its error can only be measured.
"""

from __future__ import annotations

import math


def curvature(gap: float, low: float, other_low: float, size: float) -> float:
    """|C - C'| |b| / (low low'), both smallest eigenvalues; `inf` unless both are positive."""
    return gap * size / (low * other_low) if min(low, other_low) > 0 else math.inf


def relative(gap: float, other_low: float) -> float:
    """|C - C'| / low', the share of |C^{-1} b| at most; `inf` unless low' is positive."""
    return gap / other_low if other_low > 0 else math.inf
