"""What a solver returns: never a bare solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from metainfl.solve.operator import SymmetricOperator


@dataclass(frozen=True, eq=False)
class SolveResult:
    """X with A X ~ B (p, k), and how well.

    residual: |A x - b| / |b|, the largest over columns. error: an estimate of |x - x*| / |x*|, or
    nan where there is none (LiSSA without repeats). iterations: of the slowest column. products:
    A-vector products. kept: eigenpairs that a truncated inverse kept, None elsewhere. note: what the
    solver did other than asked.
    """

    solution: Tensor
    residual: float
    error: float
    iterations: int
    products: int
    converged: bool
    kept: int | None = None
    note: str = ""


Solver = Callable[[SymmetricOperator, Tensor], SolveResult]


def relative_residual(a: SymmetricOperator, x: Tensor, b: Tensor) -> float:
    """Max over columns of |A x - b| / |b|; columns of b that are zero count as solved by x = 0."""
    r = (a @ x - b).norm(dim=0)
    scale = b.norm(dim=0)
    live = scale > 0
    worst = float((r[live] / scale[live]).max()) if bool(live.any()) else 0.0
    return max(worst, float(r[~live].max()) if bool((~live).any()) else 0.0)
