"""Inverses on kept eigenpairs alone: X = U S^{-1} U' B (Arnoldi-IF; 002, eq. 12).

What is dropped is dropped: the result is the truncated pseudo-inverse, exact on the kept subspace, and
its `error` is the share of B outside of it, not a distance from the full solution. A cut never goes
through a cluster of equal eigenvalues, whose eigenvectors rounding would choose: the cluster is kept
whole, `kept` counts what was kept, and `note` says why it is more than asked.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.solve.inverse import Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor, refuse
from metainfl.solve.result import SolveResult, relative_residual
from metainfl.solve.spectrum import same


def more_than_asked(kept: int, asked: int) -> str:
    """The note of a cut that was moved; "" where it was not."""
    if kept <= asked:
        return ""
    return f"kept {kept} eigenpairs for {asked}: the cut would have gone through equal eigenvalues"


def truncated(
    a: SymmetricOperator,
    values: Tensor,
    vectors: Tensor,
    note: str,
    converged: bool,
) -> Solve:
    """U S^{-1} U' B; raises where a kept eigenvalue is not positive."""
    low, high = float(values[0]), float(values[-1])
    if low <= floor(a) * high:
        safe = int((values > max(floor(a) * high, same(values))).sum())
        what = (
            f"a kept eigenvalue is not positive (keep at most {safe})"
            if safe
            else "nothing to keep"
        )
        raise refuse(what, low, high, torch.finfo(values.dtype).eps)

    def solve(b: Tensor) -> SolveResult:
        inside = vectors.T @ b
        x = vectors @ (inside / values[:, None])
        outside = float(((b - vectors @ inside).norm() / b.norm()) if float(b.norm()) else 0.0)
        residual = relative_residual(a, x, b)
        return SolveResult(x, residual, outside, 1, a.products, converged, len(values), note)

    return solve
