"""Bounds on the error of an influence, one kind of approximation a file; numbers in, a number out.

All are in the 2-norm and in the units of lam, for x = C^{-1} b with C symmetric, eigenvalues from `low`
to `high`. `size` is |b|, `step` is |x|. Each is `inf` where its condition fails: there is no bound then.
`advise` promises by them, and `properties/` holds every method to them against solving again.
"""

from metainfl.advice.bounds import (
    curvature,
    damping,
    krylov,
    precision,
    remainder,
    right_hand_side,
    series,
    truncation,
)

__all__ = [
    "curvature",
    "damping",
    "krylov",
    "precision",
    "remainder",
    "right_hand_side",
    "series",
    "truncation",
]
