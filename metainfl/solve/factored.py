"""Solves with a factored matrix A = V V' + d I: Woodbury, and TLXML's pseudo-inverse with a buffer.

Woodbury      with V V' = U S U': (V V' + d I)^{-1} B = U (S + d)^{-1} U' B + (B - U U' B) / d; work in
              the number of columns, for fewer residuals than parameters; nothing is (p, p)
buffer        columns arrive task by task; only the leading directions are kept (002, section 4.3 and
              appendix B); with a size of at least the rank, V V' is kept exactly
pseudo-inverse of V V'   sum_i v_i v_i' B / |v_i|^4 over orthogonal columns v_i
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from metainfl.errors import InvalidOption, SingularHessian
from metainfl.solve.finite import finite_columns
from metainfl.solve.spectrum import cut


def woodbury(v: Tensor, d: float, b: Tensor) -> Tensor:
    """(V V' + d I)^{-1} B for V (p, m), B (p, k)."""
    if not d > 0:
        raise SingularHessian(f"Woodbury needs d > 0, got {d}; use pseudo_inverse for d = 0")
    v = orthogonal(v)
    size = v.norm(dim=0)
    u = v / size
    along = u.T @ b
    rest = b - u @ along
    rest = rest - u @ (u.T @ rest)  # what is left of B is divided by a small d: rounding with it
    return u @ (along / (size.square() + d)[:, None]) + rest / d


def buffered(columns: Iterable[Tensor], size: int) -> Tensor:
    """Orthogonal columns (p, m) whose V V' is the leading part of the stream's.

    m is at most `size`, but for a last column that has equals: they are kept together with it, since
    rounding alone would choose between them.
    """
    if size < 1:
        raise InvalidOption(f"the buffer needs at least one column, got {size}")
    kept: Tensor | None = None
    for block in columns:
        both = block if kept is None else torch.cat([kept, block], dim=1)
        kept = orthogonal(both)
        values = kept.square().sum(0).flip(0)
        if len(values):
            kept = kept[:, : len(values) - cut(values, size)]
    if kept is None:
        raise InvalidOption("no columns: the stream was empty")
    return kept


def orthogonal(v: Tensor) -> Tensor:
    """V O with V'V = O S O', columns by falling norm, zero columns dropped (002, section 4.3)."""
    finite_columns(v, "factor of the curvature matrix", "look at the outputs' derivatives in lam")
    values, o = torch.linalg.eigh(v.T @ v)
    floor = torch.finfo(v.dtype).eps * max(v.shape) * values[-1]
    keep = (values > floor).nonzero()[:, 0].flip(0)
    return v @ o[:, keep]


def pseudo_inverse(v: Tensor, b: Tensor) -> Tensor:
    """(V V')^+ B for orthogonal columns v_i (p, m)."""
    size = v.norm(dim=0)
    u = v / size
    return u @ ((u.T @ b) / size.square()[:, None])
