"""TLXML's buffer: columns arrive task by task, and the leading directions are kept (002, 4.3 and appendix B).

With a size of at least the rank, V V' is kept exactly.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.solve.finite import finite_columns
from metainfl.solve.spectrum import cut


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
