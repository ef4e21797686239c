"""Solves with a curvature that knows its own inverse: K-FAC and EK-FAC."""

from __future__ import annotations

from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual


class Structured(Factoring):
    """X = A^{-1} B by A's own `inverse`: exact for A, which may be far from the Hessian.

    Raises `InvalidOption` for a curvature without an inverse of its own.
    """

    def prepared(self, a: SymmetricOperator) -> Solve:
        """A's own inverse."""
        inverse = getattr(a, "inverse", None)
        if inverse is None:
            raise InvalidOption(f"{type(a).__name__} has no inverse of its own; use Dense or CG")

        def solve(b: Tensor) -> SolveResult:
            x = inverse(b)
            return SolveResult(x, relative_residual(a, x, b), 0.0, 1, a.products, True)

        return solve
