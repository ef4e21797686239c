"""Conjugate gradients with many right-hand sides at once: one block product an iteration.

Every column runs its own recurrence; columns that have converged stop moving. In exact arithmetic p
iterations end it; the error in the A-norm falls at least as 2 ((sqrt(k)-1)/(sqrt(k)+1))^n with k the
condition number of the preconditioned matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import Interrupted, InvalidOption, NotConverged, SingularHessian
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.precondition import Preconditioner
from metainfl.solve.refuse import floor, refusal_of
from metainfl.solve.result import SolveResult, relative_residual

Apply = Callable[[Tensor], Tensor]


class CG(Factoring):
    """Stops when every column's residual is below `rtol` |b|; raises `NotConverged` otherwise.

    `preconditioner` makes an approximate inverse of A from A: see `solve.precondition`. With
    `allow_unconverged` a result short of rtol is returned, marked as such. Ctrl-C raises
    `Interrupted` with the iterate as its `result`.
    """

    def __init__(
        self,
        *,
        rtol: float = 1e-10,
        max_iterations: int | None = None,
        preconditioner: Preconditioner | None = None,
        allow_unconverged: bool = False,
    ) -> None:
        if not 0 <= rtol < 1:
            raise InvalidOption(f"rtol lies between 0 and 1, got {rtol}")
        if max_iterations is not None and max_iterations < 1:
            raise InvalidOption(f"max_iterations must be at least 1, got {max_iterations}")
        self.rtol, self.max_iterations = rtol, max_iterations
        self.preconditioner, self.allow_unconverged = preconditioner, allow_unconverged

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The preconditioner; `SingularHessian` where a direction of no positive curvature shows up."""
        own = None if self.preconditioner is None else self.preconditioner(a)
        inverse: Apply = (lambda r: r) if own is None else (lambda r: a.off(own(r)))
        return lambda b: self._solve(a, b, inverse)

    def _solve(self, a: SymmetricOperator, b: Tensor, inverse: Apply) -> SolveResult:
        rtol = max(self.rtol, 4 * torch.finfo(b.dtype).eps)
        limit = self.max_iterations or 10 * len(b) + 10
        run = _Run(a, b, inverse)
        try:
            while bool((live := run.size > rtol * run.goal).any()) and run.iterations < limit:
                run.step(live)
        except KeyboardInterrupt:
            raise Interrupted(
                f"CG interrupted after {run.iterations} iterations; `result` holds the iterate",
                run.result(False),
            ) from None
        # The recurrence drifts from the true residual near rounding: the result shows the true one.
        result = run.result(not bool((run.size > rtol * run.goal).any()))
        if not result.converged and not self.allow_unconverged:
            raise NotConverged(
                f"CG stopped after {result.iterations} iterations at relative residual "
                f"{result.residual:.3g} (wanted {rtol:.3g}, condition at least "
                f"{run.condition():.2g}); raise max_iterations, loosen rtol, add a preconditioner "
                f"(solve.precondition) or damping of {run.high / 1e4:.2g} (condition 1e4), or pass "
                "allow_unconverged=True",
                result,
            )
        return result


class _Run:
    """The recurrence; columns where `live` is False stand still."""

    def __init__(self, a: SymmetricOperator, b: Tensor, inverse: Apply) -> None:
        self.a, self.b, self.inverse = a, b, inverse
        self.x, self.r = torch.zeros_like(b), b.clone()
        self.d = inverse(self.r)
        self.rz = (self.r * self.d).sum(0)
        self.goal = self.size = b.norm(dim=0)
        self.high = 0.0  # of the Rayleigh quotients and their like that were seen
        self.iterations = 0
        self.steps: list[Tensor] = []
        self.ratios: list[Tensor] = []

    def step(self, live: Tensor) -> None:
        """One iteration."""
        ad = self.a @ self.d
        curvature = (self.d * ad).sum(0)
        length = self.d.square().sum(0)
        bound = (ad.norm(dim=0)[live] / length[live].sqrt()).max()
        self.high = max(self.high, float(bound))
        quotient = curvature[live] / length[live]
        if bool((quotient <= floor(self.a) * self.high).any()):  # zero to rounding is no curvature
            raise refusal_of(
                f"CG met a direction of curvature {float(quotient.min()):.3g} in iteration "
                f"{self.iterations + 1}; the matrix is not positive definite",
                self.a,
                float(quotient.min()),
            )
        step = _ratio(self.rz, curvature, live)
        self.x, self.r = self.x + step * self.d, self.r - step * ad
        z = self.inverse(self.r)
        new = (self.r * z).sum(0)
        if bool((new[live] < 0).any()):
            raise SingularHessian("the preconditioner is not positive definite")
        ratio = _ratio(new, self.rz, live)
        self.d = z + ratio * self.d
        self.steps.append(step)
        self.ratios.append(ratio)
        self.rz, self.size = new, self.r.norm(dim=0)
        self.iterations += 1

    def result(self, converged: bool) -> SolveResult:
        """Where it stands; the error is estimated as condition times residual."""
        residual = relative_residual(self.a, self.x, self.b)
        error = self.condition() * residual
        return SolveResult(self.x, residual, error, self.iterations, self.a.products, converged)

    def condition(self) -> float:
        """Of the preconditioned matrix, from the Ritz values that the recurrence implies (from below)."""
        if not self.steps:
            return 1.0
        steps, ratios = torch.stack(self.steps), torch.stack(self.ratios)
        column = int((steps > 0).sum(0).argmax())  # the one that went on longest
        n = int((steps[:, column] > 0).sum())
        alpha, beta = steps[:n, column], ratios[: n - 1, column]
        diagonal = 1 / alpha
        diagonal[1:] = diagonal[1:] + beta / alpha[:-1]
        side = beta.sqrt() / alpha[:-1]
        t = torch.diag(diagonal) + torch.diag(side, 1) + torch.diag(side, -1)
        values = torch.linalg.eigvalsh(t)
        return float(values[-1] / values[0].clamp(min=torch.finfo(t.dtype).tiny))


def _ratio(top: Tensor, bottom: Tensor, live: Tensor) -> Tensor:
    return torch.where(live, top / bottom.where(live, torch.ones_like(bottom)), 0 * top)
