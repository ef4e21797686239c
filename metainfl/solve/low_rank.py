"""Low-rank inverses: the k leading eigenpairs (Arnoldi-IF), or all above a threshold (002, eq. 12).

    X = U S^{-1} U' B over the kept eigenpairs.
What is dropped is dropped: the result is the truncated pseudo-inverse, exact on the kept subspace, and
its `error` is the share of B outside of it, not a distance from the full solution.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, SingularHessian
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual
from metainfl.solve.spectrum import lanczos


class Lanczos:
    """The `rank` leading Ritz pairs after `steps` products (default: three times the rank, plus 10)."""

    def __init__(self, rank: int, *, steps: int | None = None) -> None:
        if rank < 1:
            raise InvalidProblem(f"rank must be at least 1, got {rank}")
        self.rank, self.steps = rank, steps or 3 * rank + 10

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k)."""
        s = lanczos(a, self.steps)
        values, vectors = s.values[-self.rank :], s.vectors[:, -self.rank :]
        return truncated(a, b, values, vectors, len(s.values))


class PseudoInverse:
    """Eigenvalues of at least `rtol` times the largest, or the `keep` largest; dense."""

    def __init__(self, *, rtol: float | None = None, keep: int | None = None) -> None:
        if (rtol is None) == (keep is None):
            raise InvalidProblem("give either rtol or keep")
        if keep is not None and keep < 1:
            raise InvalidProblem(f"keep must be at least 1, got {keep}")
        self.rtol, self.keep = rtol, keep

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k); negative eigenvalues are dropped with the small ones (002, section 5.1)."""
        values, vectors = torch.linalg.eigh(a.dense())
        if self.keep is not None:
            values, vectors = values[-self.keep :], vectors[:, -self.keep :]
        else:
            kept = values >= float(self.rtol or 0) * values[-1]
            values, vectors = values[kept], vectors[:, kept]
        return truncated(a, b, values, vectors, 1)


def truncated(
    a: SymmetricOperator, b: Tensor, values: Tensor, vectors: Tensor, iterations: int
) -> SolveResult:
    """U S^{-1} U' B; raises where a kept eigenvalue is not positive."""
    if float(values[0]) <= 0:
        raise SingularHessian(
            f"a kept eigenvalue is {float(values[0]):.3g}; keep fewer, or add damping"
        )
    inside = vectors.T @ b
    x = vectors @ (inside / values[:, None])
    outside = float(((b - vectors @ inside).norm() / b.norm()) if float(b.norm()) else 0.0)
    return SolveResult(x, relative_residual(a, x, b), outside, iterations, a.products, True)
