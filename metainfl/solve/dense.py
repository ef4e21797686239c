"""Dense solve: eigendecomposition of A, off the directions along which a symmetry moves lam.

Exact to rounding. With `off` (p, f) the solution is sought in its orthogonal complement, where every
eigenvalue must be positive; without, A itself must be positive definite.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.curvature.operator import SymmetricOperator
from metainfl.errors import SingularHessian
from metainfl.solve.result import SolveResult, relative_residual


class Dense:
    """X = A^{-1} B off a known symmetry; costs p products and O(p^3)."""

    def __init__(self, *, off: Tensor | None = None) -> None:
        self.off = off

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """Raises `SingularHessian` where A is not positive definite off its symmetry."""
        matrix = a.dense()
        if self.off is None or self.off.shape[1] == 0:
            values, vectors = torch.linalg.eigh(matrix)
        else:
            rest = torch.linalg.qr(self.off, mode="complete")[0][:, self.off.shape[1] :]
            values, inner = torch.linalg.eigh(rest.T @ matrix @ rest)
            vectors = rest @ inner
        eps = torch.finfo(values.dtype).eps
        low, high = float(values[0]), float(values[-1])
        if low <= eps * len(matrix) * high:
            raise SingularHessian(
                f"the curvature matrix has smallest eigenvalue {low:.3g} against largest {high:.3g}; "
                "raise outer_reg, add damping, or declare a known symmetry (Problem(symmetry=...))"
            )
        x = vectors @ ((vectors.T @ b) / values[:, None])
        seen = vectors @ (vectors.T @ b)
        residual = relative_residual(SymmetricOperator(len(matrix), matrix.__matmul__, b), x, seen)
        return SolveResult(x, residual, eps * high / low, 1, a.products, True)
