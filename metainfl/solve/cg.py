"""Conjugate gradients with many right-hand sides at once: one block product an iteration.

Every column runs its own recurrence; columns that have converged stop moving. In exact arithmetic p
iterations end it; the error in the A-norm falls at least as 2 ((sqrt(k)-1)/(sqrt(k)+1))^n with k the
condition number of the preconditioned matrix. The recurrence's residual drifts from the true one: the
true one decides, and where only the recurrence is done it starts again from the true residual.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from metainfl.errors import Interrupted, NotConverged
from metainfl.solve import given
from metainfl.solve.cg_run import Apply, Run
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.precondition import Preconditioner, applied, made
from metainfl.solve.result import SolveResult

RESTARTS = 4


class CG(Factoring):
    """Stops when every column's true residual is below `rtol` |b|; raises `NotConverged` otherwise.

    A residual that is rounding of the product A x, 8 sqrt(p) eps |A| |x|, counts as converged even where
    `rtol` asks for less; the result's `note` says so.
    `preconditioner` makes an approximate inverse of A from A: see `solve.precondition`. With
    `allow_unconverged` a result short of rtol is returned, marked as such. Ctrl-C raises
    `Interrupted` with the iterate as its `result`.
    """

    rtol: float
    max_iterations: int | None
    preconditioner: Preconditioner | None
    allow_unconverged: bool
    options: ClassVar = {
        "rtol": lambda v: given.share(v, "rtol", zero=True),
        "max_iterations": lambda v: given.count_or_none(v, "max_iterations", 1),
        "preconditioner": lambda v: v if v is None else made(v),
        "allow_unconverged": lambda v: given.yes_or_no(v, "allow_unconverged"),
    }

    def __init__(
        self,
        *,
        rtol: float = 1e-10,
        max_iterations: int | None = None,
        preconditioner: Preconditioner | None = None,
        allow_unconverged: bool = False,
    ) -> None:
        self.rtol, self.max_iterations = rtol, max_iterations
        self.preconditioner, self.allow_unconverged = preconditioner, allow_unconverged

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The preconditioner; `SingularHessian` where a direction of no positive curvature shows up."""
        own = None if self.preconditioner is None else applied(self.preconditioner, a)
        inverse: Apply = (lambda r: r) if own is None else (lambda r: a.off(own(r)))
        return lambda b: self._solve(a, b, inverse)

    def _solve(self, a: SymmetricOperator, b: Tensor, inverse: Apply) -> SolveResult:
        rtol = max(self.rtol, 4 * torch.finfo(b.dtype).eps)
        limit = self.max_iterations or 10 * len(b) + 10
        run = Run(a, b, inverse)
        try:
            run.to(rtol, limit)
            for _ in range(RESTARTS):
                if run.iterations >= limit or not run.restart(rtol):
                    break
                run.to(rtol, limit)
        except KeyboardInterrupt:
            raise Interrupted(
                f"CG interrupted after {run.iterations} iterations; `result` holds the iterate",
                run.result(False),
            ) from None
        short = run.short(rtol)
        result = run.result(not bool(short.any()) or not bool((short & ~run.rounding()).any()))
        if result.converged and bool(short.any()):
            note = f"the residual is rounding, above the {rtol:.3g} that was asked for"
            result = replace(result, note=note)
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
