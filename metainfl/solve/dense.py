"""Dense solve of A X = B, off the directions along which a symmetry moves lam.

Exact to rounding. The solution is sought off A's flat directions, where every eigenvalue must be
positive. Small matrices are taken apart into eigenvectors; large ones by Cholesky, several times
faster, their condition number estimated by a few inverse iterations with the factor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from metainfl.solve import given
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor, refuse
from metainfl.solve.result import SolveResult, relative_residual

LARGE = 256
WHAT = "the curvature matrix is not safely positive definite"
Apply = Callable[[Tensor], Tensor]


class Dense(Factoring):
    """X = A^{-1} B off a known symmetry; costs p products and O(p^3).

    Raises `SingularHessian` where A is not positive definite off its flat directions. With
    `definite=False` negative eigenvalues are taken as they are, as at a state that is no minimum; only
    one that is zero to rounding is refused.
    """

    definite: bool
    options: ClassVar = {"definite": lambda v: given.yes_or_no(v, "definite")}

    def __init__(self, *, definite: bool = True) -> None:
        self.definite = definite

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The factor of A and its extreme eigenvalues."""
        matrix = a.dense()
        if not self.definite:
            inverse, low, high = _by_eigen(a, definite=False)
        else:
            inverse, low, high = _by_cholesky(a) if a.size > LARGE else _by_eigen(a)
        eps = torch.finfo(matrix.dtype).eps
        checked = SymmetricOperator(len(matrix), matrix.__matmul__, matrix)

        def solve(b: Tensor) -> SolveResult:
            x = inverse(b)
            residual = relative_residual(checked, x, b)
            return SolveResult(x, residual, eps * high / low, 1, a.products, True)

        return solve


def eigen(a: SymmetricOperator) -> tuple[Tensor, Tensor]:
    """Eigenvalues (ascending) and eigenvectors (p, rank) of A off its flat directions."""
    matrix = a.dense()
    if a.flat is None:
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors
    rest = torch.linalg.qr(a.flat, mode="complete")[0][:, a.flat.shape[1] :]
    values, inner = torch.linalg.eigh(rest.T @ matrix @ rest)
    return values, rest @ inner


def _by_eigen(a: SymmetricOperator, definite: bool = True) -> tuple[Apply, float, float]:
    values, vectors = eigen(a)
    low, high = _definite(a, values) if definite else _regular(a, values)
    return (lambda b: vectors @ ((vectors.T @ b) / values[:, None])), low, high


def _definite(a: SymmetricOperator, values: Tensor) -> tuple[float, float]:
    low, high = float(values[0]), float(values[-1])
    if low <= floor(a) * high:
        raise refuse(WHAT, low, high, torch.finfo(values.dtype).eps)
    return low, high


def _regular(a: SymmetricOperator, values: Tensor) -> tuple[float, float]:
    """Smallest and largest |eigenvalue|."""
    sizes = values.abs()
    low, high = float(sizes.min()), float(sizes.max())
    if low <= floor(a) * high:
        at = float(values[sizes.argmin()])
        raise refuse("the curvature matrix is singular", at, high, torch.finfo(values.dtype).eps)
    return low, high


def _by_cholesky(a: SymmetricOperator) -> tuple[Apply, float, float]:
    """Flat directions are given the mean eigenvalue, which lies inside the spectrum."""
    matrix = a.dense()
    if a.flat is not None:
        matrix = matrix + (matrix.trace() / a.rank) * (a.flat @ a.flat.T)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(matrix), 1, generator=generator, dtype=torch.float64, device="cpu").to(
        matrix
    )
    u = v
    if not int(failed):
        for _ in range(12):
            u, v = matrix @ (u / u.norm()), torch.cholesky_solve(v / v.norm(), factor)
    low, high = 1 / float(v.norm()), float(u.norm())
    if int(failed) or low <= 4 * floor(a) * high:
        values = eigen(a)[0]  # the estimate errs a little: eigenvalues have the last word
        low, high = _definite(a, values)
        if int(failed):  # definite, but too little so for Cholesky
            return _by_eigen(a)
    return (lambda b: a.off(torch.cholesky_solve(b, factor))), low, high
