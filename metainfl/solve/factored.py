"""Solves with a factored matrix A = V V' + d I: Woodbury, and TLXML's pseudo-inverse with a buffer.

Woodbury      (V V' + d I)^{-1} B = (B - V (V'V + d I)^{-1} V' B) / d: work in the number of columns,
              for fewer residuals than parameters
buffer        columns arrive task by task; only the k leading directions are kept (002, section 4.3 and
              appendix B); with k at least the rank, V V' is kept exactly
pseudo-inverse of V V'   sum_i v_i v_i' B / |v_i|^4 over orthogonal columns v_i
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, SingularHessian


def woodbury(v: Tensor, d: float, b: Tensor) -> Tensor:
    """(V V' + d I)^{-1} B for V (p, m), B (p, k)."""
    if not d > 0:
        raise SingularHessian(f"Woodbury needs d > 0, got {d}; use pseudo_inverse for d = 0")
    inner = v.T @ v + d * torch.eye(v.shape[1], dtype=v.dtype, device=v.device)
    return (b - v @ torch.linalg.solve(inner, v.T @ b)) / d


def buffered(columns: Iterable[Tensor], size: int) -> Tensor:
    """Orthogonal columns (p, at most `size`) whose V V' is the leading part of the stream's."""
    if size < 1:
        raise InvalidProblem(f"the buffer needs at least one column, got {size}")
    kept: Tensor | None = None
    for block in columns:
        both = block if kept is None else torch.cat([kept, block], dim=1)
        kept = orthogonal(both)[:, :size]
    if kept is None:
        raise InvalidProblem("no columns: the stream was empty")
    return kept


def orthogonal(v: Tensor) -> Tensor:
    """V O with V'V = O S O', columns by falling norm, zero columns dropped (002, section 4.3)."""
    values, o = torch.linalg.eigh(v.T @ v)
    floor = torch.finfo(v.dtype).eps * max(v.shape) * values[-1]
    keep = (values > floor).nonzero()[:, 0].flip(0)
    return v @ o[:, keep]


def pseudo_inverse(v: Tensor, b: Tensor) -> Tensor:
    """(V V')^+ B for orthogonal columns v_i (p, m)."""
    size = v.square().sum(0)
    return v @ ((v.T @ b) / size.square()[:, None])
