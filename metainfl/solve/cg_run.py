"""One run of conjugate gradients: the recurrence of every column, its restarts, and how well it stands."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import SingularHessian
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor, refusal_of
from metainfl.solve.result import SolveResult

Apply = Callable[[Tensor], Tensor]
POWER = 5  # products that the size of A may cost where a residual may be rounding


class Run:
    """The recurrence; columns where `live` is False stand still."""

    def __init__(self, a: SymmetricOperator, b: Tensor, inverse: Apply) -> None:
        self.a, self.b, self.inverse = a, b, inverse
        self.x, self.r = torch.zeros_like(b), b.clone()
        self.d = inverse(self.r)
        self.rz = (self.r * self.d).sum(0)
        self.goal = self.size = b.norm(dim=0)
        self.high = 0.0  # of the Rayleigh quotients and their like that were seen
        self.iterations = 0
        self.true: Tensor | None = None  # residual of x, where it was computed
        self.worst = 1.0  # condition of the recurrences before this one
        self.before = torch.full_like(self.goal, torch.inf)
        self.steps: list[Tensor] = []
        self.ratios: list[Tensor] = []

    def to(self, rtol: float, limit: int) -> None:
        """Iterates until the recurrence's residual is below rtol, or at `limit`."""
        while bool((live := self.size > rtol * self.goal).any()) and self.iterations < limit:
            self.step(live)

    def residual(self) -> Tensor:
        """B - A x (p, k), the true one."""
        if self.true is None:
            self.true = self.b - self.a @ self.x
        return self.true

    def short(self, rtol: float) -> Tensor:
        """The columns (k,) whose true residual exceeds rtol."""
        return ~(self.residual().norm(dim=0) <= rtol * self.goal)

    def rounding(self) -> Tensor:
        """The columns whose true residual is rounding of the product A x."""
        v, eps = self.residual().sum(1), torch.finfo(self.b.dtype).eps
        for _ in range(POWER if float(v.norm()) > 0 else 0):  # a preconditioned run may not see |A|
            v = v / v.norm()
            v = self.a @ v
            self.high = max(self.high, float(v.norm()))
        allowed = 8 * len(self.b) ** 0.5 * eps * self.high * self.x.norm(dim=0)
        return self.residual().norm(dim=0) <= allowed

    def restart(self, rtol: float) -> bool:
        """Begins again from the true residual of the columns that are short; False where that is no use."""
        size = self.residual().norm(dim=0)
        live = self.short(rtol) & (size < 0.5 * self.before)
        live = live & ~self.rounding() if bool(live.any()) else live
        if not bool(live.any()):
            return False
        self.worst, self.steps, self.ratios = self.condition(), [], []
        self.before = size
        self.r = torch.where(live, self.residual(), 0.0)
        self.d = self.inverse(self.r)
        self.rz, self.size = (self.r * self.d).sum(0), self.r.norm(dim=0)
        return True

    def step(self, live: Tensor) -> None:
        """One iteration."""
        self.true = None
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
        # off the flat directions: rounding along them would end as all that is left of the residual
        self.x, self.r = self.x + step * self.d, self.a.off(self.r - step * ad)
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
        some = self.goal.where(self.goal > 0, torch.ones_like(self.goal))
        residual = float((self.residual().norm(dim=0) / some).max())
        error = self.condition() * residual
        return SolveResult(self.x, residual, error, self.iterations, self.a.products, converged)

    def condition(self) -> float:
        """Of the preconditioned matrix, from the Ritz values that the recurrence implies (from below)."""
        if not self.steps:
            return self.worst
        steps, ratios = torch.stack(self.steps), torch.stack(self.ratios)
        column = int((steps > 0).sum(0).argmax())  # the one that went on longest
        n = int((steps[:, column] > 0).sum())
        alpha, beta = steps[:n, column], ratios[: n - 1, column]
        diagonal = 1 / alpha
        diagonal[1:] = diagonal[1:] + beta / alpha[:-1]
        side = beta.sqrt() / alpha[:-1]
        t = torch.diag(diagonal) + torch.diag(side, 1) + torch.diag(side, -1)
        values = torch.linalg.eigvalsh(t)
        here = float(values[-1] / values[0].clamp(min=torch.finfo(t.dtype).tiny))
        return max(here, self.worst)


def _ratio(top: Tensor, bottom: Tensor, live: Tensor) -> Tensor:
    return torch.where(live, top / bottom.where(live, torch.ones_like(bottom)), 0 * top)
