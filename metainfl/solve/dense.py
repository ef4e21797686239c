"""Dense solve of A X = B, off the directions along which a symmetry moves lam.

Exact to rounding. With `off` (p, f) the solution is sought in its orthogonal complement, where every
eigenvalue must be positive; without, A itself must be positive definite. Small or deflated matrices
are taken apart into eigenvectors; large ones by Cholesky, several times faster, their condition number
estimated by a few inverse iterations with the factor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import SingularHessian
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual

LARGE = 256


class Dense:
    """X = A^{-1} B off a known symmetry; costs p products and O(p^3)."""

    def __init__(self, *, off: Tensor | None = None) -> None:
        self.off = off

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """Raises `SingularHessian` where A is not positive definite off its symmetry."""
        matrix = a.dense()
        whole = self.off is None or self.off.shape[1] == 0
        x, seen, low, high = (
            _by_cholesky(matrix, b) if whole and len(matrix) > LARGE else self._by_eigen(matrix, b)
        )
        eps = torch.finfo(matrix.dtype).eps
        _refuse(low, high, eps * len(matrix))
        residual = relative_residual(SymmetricOperator(len(matrix), matrix.__matmul__, b), x, seen)
        return SolveResult(x, residual, eps * high / low, 1, a.products, True)

    def _by_eigen(self, matrix: Tensor, b: Tensor) -> tuple[Tensor, Tensor, float, float]:
        """X, the part of B it solves for, smallest and largest eigenvalue."""
        if self.off is None or self.off.shape[1] == 0:
            values, vectors = torch.linalg.eigh(matrix)
        else:
            rest = torch.linalg.qr(self.off, mode="complete")[0][:, self.off.shape[1] :]
            values, inner = torch.linalg.eigh(rest.T @ matrix @ rest)
            vectors = rest @ inner
        low, high = float(values[0]), float(values[-1])
        _refuse(low, high, torch.finfo(matrix.dtype).eps * len(matrix))
        along = vectors.T @ b
        return vectors @ (along / values[:, None]), vectors @ along, low, high


def _by_cholesky(matrix: Tensor, b: Tensor) -> tuple[Tensor, Tensor, float, float]:
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if int(failed):
        values = torch.linalg.eigvalsh(matrix)
        _refuse(float(values[0]), float(values[-1]), float("inf"))
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(matrix), 1, generator=generator, dtype=torch.float64).to(matrix)
    u = v
    for _ in range(12):
        u, v = matrix @ (u / u.norm()), torch.cholesky_solve(v / v.norm(), factor)
    return torch.cholesky_solve(b, factor), b, 1 / float(v.norm()), float(u.norm())


def _refuse(low: float, high: float, floor: float) -> None:
    if low <= floor * high:
        raise SingularHessian(
            f"the curvature matrix has smallest eigenvalue {low:.3g} against largest {high:.3g}; "
            "raise outer_reg, add damping, or declare a known symmetry (Problem(symmetry=...))"
        )
