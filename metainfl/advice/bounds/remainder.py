"""How far an edit may be from solving again: what it leaves of the gradient of the removed objective.

With F_- the objective without the data and y the edit,
    grad F_-(y) = M (y - lam_-),   M the mean of its Hessian between the two,
so |y - lam_-| <= |grad F_-(y)| / low with low at most M's smallest eigenvalue: that of the Hessian itself
where F_- is quadratic, a modulus of convexity, or the smallest along the way less what a Lipschitz
constant allows between. After a Newton step from lam* the gradient left is of second order in the step.
"""

from __future__ import annotations

import math


def remainder(gradient: float, low: float) -> float:
    """|grad F_-(y)| / low; `inf` unless low > 0 (F_- not convex in between: no bound)."""
    return gradient / low if low > 0 else math.inf


def newton(lipschitz: float, moved: float, low: float) -> float:
    """K |lam_- - lam*|^2 / (2 low) after one Newton step on F_- from lam*; low that of H_-(lam*).

    K: a Lipschitz constant of H_- between lam* and lam_-. 0 on quadratics; `inf` unless low > 0.
    """
    return lipschitz * moved * moved / (2 * low) if low > 0 else math.inf


def along(values: list[float], lipschitz: float, spacing: float) -> float:
    """A lower bound on a K-Lipschitz function between points at which it has these values."""
    return min(values) - lipschitz * spacing / 2
