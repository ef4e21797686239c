"""Proximal adaptation of large models: Newton's steps and the implicit derivative by CG (iMAML's way).

    theta(lam) = argmin sum_j u_j l(theta; z_j) + (d_in/2) |theta - lam|^2
The same two chord steps as in `proximal` carry all derivatives, with CG in place of the inner inverse:
no q x q matrix anywhere. Derivatives are as accurate as `rtol` makes the solves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import grad

from metainfl.adaptation.inner_cg import InnerSolve
from metainfl.adaptation.proximal import Proximal
from metainfl.errors import InvalidProblem
from metainfl.problem.adaptation import Setting
from metainfl.problem.tasks import TaskView


class ProximalCG(Proximal):
    """Newton-CG inner solves; for models of more than a few hundred parameters."""

    def __init__(self, inner_reg: float, *, rtol: float = 1e-10, max_steps: int = 50) -> None:
        super().__init__(inner_reg, max_steps=max_steps)
        if not 0 < rtol < 1:
            raise InvalidProblem(f"rtol lies between 0 and 1, got {rtol}")
        self.rtol = rtol

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, q)."""
        return (self.minimise(s, lam, tasks, lambda theta, g: self._solve(s, g, theta, tasks)),)

    def _solve(self, s: Setting, b: Tensor, theta: Tensor, tasks: TaskView) -> Tensor:
        def inner(th: Tensor, lam: Tensor, task: TaskView) -> Tensor:
            return self.inner(s, th, lam, task)

        rtol = max(self.rtol, 4 * torch.finfo(b.dtype).eps)
        fields = (t.detach() for t in tasks)
        return InnerSolve.apply(b, theta.detach(), inner, rtol, *fields)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Two chord steps from theta*, as `Proximal`."""
        theta = state[0]
        held = TaskView(*(t[None] for t in task))
        g = grad(lambda th, la: self.inner(s, th, la, task))

        def solve(b: Tensor) -> Tensor:
            return self._solve(s, b[None], theta[None], held)[0]

        first = theta - solve(g(theta, lam))
        return first - solve(g(first, lam))
