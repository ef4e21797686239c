"""Sums of squares beyond the range of a number format: what to divide by first."""

from __future__ import annotations

import torch
from torch import Tensor


def divisor(x: Tensor) -> Tensor:
    """Of x (n, ...), for each entry over n: 1, or the largest |x| where squares would overflow or underflow.

    A norm or deviation of x / divisor times divisor is that of x, for every x that is finite.
    """
    top = x.abs().amax(dim=0)
    limits = torch.finfo(x.dtype)
    low, high = (limits.tiny / limits.eps) ** 0.5, (limits.max / len(x)) ** 0.5 / 2
    return torch.where((top > 0) & ((top < low) | (top > high)), top, 1.0)


def norm(x: Tensor) -> float:
    """|x| of a vector (n,), n at least 1."""
    size = divisor(x)
    return float((x / size).norm() * size)


def deviation(x: Tensor) -> Tensor:
    """The standard deviation over n of x (n, ...), n at least 2: squares divided by n - 1."""
    size = divisor(x)
    return (x / size).std(0) * size
