"""Pairwise distances in elementary operations: torch's kernel has a wrong batching rule for its second
derivative, and none in forward mode. Where two points coincide the derivative is 0, as in torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.operations.arguments import need


def norm_of(differences: Tensor, p: float) -> Tensor:
    """(sum |d|^p)^(1/p) over the last dimension; its derivative is 0 where it is 0."""
    if p == 2:
        return _root(differences.square().sum(-1), 2)
    size = differences.abs()
    if p == 1:
        return size.sum(-1)
    if p == 0:
        return (size != 0).to(size.dtype).sum(-1)
    if math.isinf(p):
        return size.amax(-1)
    return _root(_power(size, p).sum(-1), p)


def _root(total: Tensor, p: float) -> Tensor:
    zero = total == 0
    safe = total.masked_fill(zero, 1.0)
    root = safe.sqrt() if p == 2 else safe.pow(1 / p)
    return root.masked_fill(zero, 0.0)


def _power(size: Tensor, p: float) -> Tensor:
    """Size^p for size at least 0; below p = 2 its higher derivatives at 0 would be infinite times 0."""
    zero = size == 0
    return size.masked_fill(zero, 1.0).pow(p).masked_fill(zero, 0.0)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Between the rows of x1 (..., n, d) and of x2 (..., m, d): (..., n, m)."""
    said = f"{tuple(x1.shape)} and {tuple(x2.shape)}"
    fits = min(x1.ndim, x2.ndim) >= 2 and x1.shape[-1] == x2.shape[-1]
    need(fits, "cdist", "rows of one length, (..., n, d) and (..., m, d)", said)
    need(p >= 0, "cdist", "p of at least 0", p)
    return norm_of(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Between all rows of input (n, d), first with second, first with third, ...: (n (n - 1) / 2,)."""
    need(input.ndim == 2, "pdist", "rows (n, d)", tuple(input.shape))
    need(p >= 0, "pdist", "p of at least 0", p)
    i, j = torch.triu_indices(len(input), len(input), 1, device=input.device)
    return norm_of(input[i] - input[j], p)


DISTANCES: dict[Any, Callable[..., Any]] = {
    torch.cdist: cdist,
    torch.pdist: pdist,
    F.pdist: pdist,
}
