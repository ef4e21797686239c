"""A lam that only seems stationary: a gradient within its tolerance, and yet a long way to the minimiser.

Along a direction whose curvature is c the minimiser is |grad F| / c away: where c is small, a small gradient
says little. What counts is Newton's step, H^{-1} grad F.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from metainfl.errors import FarFromMinimum

LONG = 1e-3  # of 1 + |lam|: a Newton step that is worth a word


def tell_if_far(step: float, lam: Tensor, what: str, way: str) -> None:
    """Warns with `what`, and a `way` out, where a Newton step (relative to 1 + |lam|) from lam is long."""
    if step <= LONG:
        return
    more = "" if lam.dtype == torch.float64 else ", or compute in float64"
    warnings.warn(
        f"{what}: a Newton step from lam is {step:.2g} of 1 + |lam| long, along directions of little "
        f"curvature, though the gradient is within its tolerance. What is computed at lam may be off by as "
        f"much: {way}{more}",
        FarFromMinimum,
        stacklevel=3,
    )
