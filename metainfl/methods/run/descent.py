"""To the minimiser of a function of lam from a point near it: L-BFGS, then Newton's steps by products."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

from metainfl.errors import SingularHessian
from metainfl.operations.forward import jvp
from metainfl.solve import CG
from metainfl.solve.operator import SymmetricOperator

Objective = Callable[[Tensor], Tensor]
STEPS, POLISHING = 1000, 4


def minimised(objective: Objective, start: Tensor, *, steps: int = STEPS) -> tuple[Tensor, float]:
    """A point near `start` (p,) by L-BFGS, and the size of the gradient there."""
    lam = start.detach().clone().requires_grad_()
    way = torch.optim.LBFGS(
        [lam], max_iter=steps, tolerance_grad=1e-14, tolerance_change=0.0, history_size=50,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        way.zero_grad()
        value = objective(lam)
        value.backward()
        return value

    way.step(closure)
    end = lam.detach()
    return end, float(grad(objective)(end).norm())


def polished(objective: Objective, lam: Tensor) -> tuple[Tensor, float]:
    """Newton's steps by CG while they shorten the gradient, and the size of that: a line search reads

    values, whose rounding hides a distance of the root of eps.
    """
    slope = grad(objective)
    here = slope(lam)
    for _ in range(POLISHING):

        def product(v: Tensor, at: Tensor = lam) -> Tensor:
            columns = v.reshape(len(v), -1).T
            each = [jvp(slope, (at,), (c,))[1] for c in columns]
            return torch.stack(each).T.reshape(v.shape)

        try:
            step = CG(rtol=1e-3, allow_unconverged=True)(
                SymmetricOperator(len(lam), product, lam), here[:, None]
            ).solution[:, 0]
        except SingularHessian:  # not convex here: what was found stays
            break
        there = slope(lam - step)
        if not bool(there.norm() < here.norm()):
            break
        lam, here = lam - step, there
    return lam.detach(), float(here.norm())
