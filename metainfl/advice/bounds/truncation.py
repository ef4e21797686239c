"""What a truncated inverse leaves out: U S^{-1} U' b over kept pairs in place of C^{-1} b.

Exact eigenpairs leave out (I - U U') C^{-1} b, at most |(I - U U') b| over the smallest eigenvalue that
was dropped. Ritz pairs with C U = U S + E leave C x = U U' b + E S^{-1} U' b: both rests count.
"""

from __future__ import annotations

import math


def truncation(outside: float, low: float, ritz: float = 0.0) -> float:
    """(|(I - U U') b| + |E S^{-1} U' b|) / low; `inf` unless low > 0.

    low: the smallest eigenvalue that may have been dropped. ritz: 0 for exact eigenpairs.
    """
    return (outside + ritz) / low if low > 0 else math.inf
