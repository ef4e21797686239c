"""Solves with a curvature that knows its own inverse: K-FAC and EK-FAC."""

from __future__ import annotations

from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual


class Structured:
    """X = A^{-1} B by A's own `inverse`: exact for A, which may be far from the Hessian."""

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """Raises `InvalidProblem` for a curvature without an inverse of its own."""
        inverse = getattr(a, "inverse", None)
        if inverse is None:
            raise InvalidProblem(f"{type(a).__name__} has no inverse of its own; use Dense or CG")
        x = inverse(b)
        return SolveResult(x, relative_residual(a, x, b), 0.0, 1, a.products, True)
