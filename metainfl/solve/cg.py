"""Conjugate gradients with many right-hand sides at once: one block product an iteration.

Every column runs its own recurrence; columns that have converged stop moving. In exact arithmetic p
iterations end it; the error in the A-norm falls at least as 2 ((sqrt(k)-1)/(sqrt(k)+1))^n.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.curvature.operator import SymmetricOperator
from metainfl.errors import NotConverged, SingularHessian
from metainfl.solve.result import SolveResult, relative_residual


class CG:
    """Stops when every column's residual is below `rtol` |b|; raises `NotConverged` otherwise."""

    def __init__(self, *, rtol: float = 1e-10, max_iterations: int | None = None) -> None:
        self.rtol, self.max_iterations = rtol, max_iterations

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k). `SingularHessian` where a direction of negative curvature shows up."""
        rtol = max(self.rtol, 4 * torch.finfo(b.dtype).eps)
        limit = self.max_iterations or 10 * len(b) + 10
        x, r = torch.zeros_like(b), b.clone()
        d, rr = r.clone(), (b * b).sum(0)
        goal = rtol * rtol * rr
        n = 0
        live = rr > goal
        while bool(live.any()) and n < limit:
            ad = a @ d
            curvature = (d * ad).sum(0)
            if bool((curvature[live] <= 0).any()):
                raise SingularHessian(
                    f"CG met a direction of curvature {float(curvature[live].min()):.3g} <= 0 in "
                    f"iteration {n + 1}; the matrix is not positive definite: add damping"
                )
            step = torch.where(
                live, rr / curvature.where(live, torch.ones_like(rr)), torch.zeros_like(rr)
            )
            x, r = x + step * d, r - step * ad
            new = (r * r).sum(0)
            d = (
                r
                + torch.where(live, new / rr.where(live, torch.ones_like(rr)), torch.zeros_like(rr))
                * d
            )
            rr, n = new, n + 1
            live = rr > goal
        residual = relative_residual(a, x, b)
        # The recurrence drifts from the true residual near rounding: judge by the true one.
        result = SolveResult(x, residual, float("nan"), n, a.products, not bool(live.any()))
        if not result.converged:
            raise NotConverged(
                f"CG stopped after {n} iterations at relative residual {residual:.3g} (wanted "
                f"{rtol:.3g}); raise max_iterations, loosen rtol, or add damping",
                result,
            )
        return result
