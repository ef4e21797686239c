"""What rounding costs: eps times the condition, of the outer system and of the inner ones.

An answer computed stably is the exact answer to data moved by eps, relative. H moved by eps |H| and b by
eps |H| |lam| (b is a sum of gradients at lam, which is itself rounded) move x = H^{-1} b by
    eps cond(H) (|x| + |lam|)
an operation. In the worst case the 16 p operations of a handful of inner products in a row add up, and
the inner solves multiply by their own condition: that is certain, and thousands of times too large as a
rule. Errors of either sign add up as the root of their number (Higham and Mary 2019), and so does what an
inner solve amplifies in a direction that is not its worst: that is likely, no proof. Half of it is what is
said; `properties/test_precision.py` holds float32 to it on its fixed questions.
"""

from __future__ import annotations

import math

OPERATIONS = 16


def certain(
    eps: float, condition: float, size: float, *, parameters: int, inner: float = 1.0
) -> float:
    """16 p eps cond(H) cond(inner) (|x| + |lam|); `size` is the sum of the two norms."""
    return OPERATIONS * parameters * eps * condition * inner * size


def likely(
    eps: float, condition: float, size: float, *, parameters: int, inner: float = 1.0
) -> float:
    """sqrt(p cond(inner)) eps cond(H) (|x| + |lam|) / 2."""
    return 0.5 * math.sqrt(parameters * inner) * eps * condition * size
