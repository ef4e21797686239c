"""Proximal adaptation of any model and loss: implicit differentiation (001, eqs 2-3 and 8-9).

    theta(lam) = argmin sum_j u_j l(theta; z_j) + (d_in/2) |theta - lam|^2

The inner problems are solved by damped Newton for all tasks at once. Differentiation then needs no
implicit-function formula and no third-order tensor: with B = H_in^{-1} held constant at lam*, two
chord steps from theta*,

    theta_1 = theta* - B g(lam, theta*),     theta_2 = theta_1 - B g(lam, theta_1),

(g the inner gradient) agree with theta(lam) up to O(|lam - lam*|^3): each chord step raises the
order of agreement by one. So theta_2 has the exact value, Jacobian and second derivative, in lam, in
the support weights and in the inputs, and `torch.func` only ever differentiates g.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from metainfl.errors import InvalidProblem, NotConverged
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.losses import weighted
from metainfl.problem.tasks import TaskView


class Proximal(Adaptation):
    """Dense batched inner Newton: for models of up to a few hundred parameters."""

    def __init__(self, inner_reg: float, *, max_steps: int = 50) -> None:
        if not (math.isfinite(inner_reg) and inner_reg > 0):
            raise InvalidProblem(f"inner_reg must be positive and finite, got {inner_reg}")
        self.inner_reg, self.max_steps = inner_reg, max_steps

    def inner(self, s: Setting, theta: Tensor, lam: Tensor, task: TaskView) -> Tensor:
        """L_I, a scalar."""
        outputs = s.model(theta, task.support_x)
        fit = weighted(s.inner_loss, outputs, task.support_y, task.support_weight, "inner")
        return fit + 0.5 * self.inner_reg * (theta - lam).square().sum()

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, q) and B = H_in^{-1} (T, q, q)."""
        curve = vmap(hessian(lambda th, t: self.inner(s, th, lam, t)))
        last: list[Tensor] = []

        def solve(theta: Tensor, g: Tensor) -> Tensor:
            last[:] = [curve(theta, tasks)]
            return torch.linalg.solve(last[0], g)

        return self.minimise(s, lam, tasks, solve), torch.linalg.inv(last[0])

    def minimise(
        self,
        s: Setting,
        lam: Tensor,
        tasks: TaskView,
        solve: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        """theta* (T, q) by damped Newton from lam; `solve(theta, g)` is H_in^{-1} g at theta."""
        value = vmap(lambda th, t: self.inner(s, th, lam, t))
        slope = vmap(grad(lambda th, t: self.inner(s, th, lam, t)))
        theta = lam.detach().expand(len(tasks.query_x), -1).clone()
        eps = torch.finfo(lam.dtype).eps
        best = torch.full_like(theta[:, 0], math.inf)
        for _ in range(self.max_steps):
            g = slope(theta, tasks)
            step = -solve(theta, g)
            size = step.norm(dim=1) / (1 + theta.norm(dim=1))
            fine = (size <= 8 * eps) | ((size < eps**0.5) & (size >= best))
            if fine.all():
                return theta
            best = torch.minimum(best, size)
            theta = theta + self._length(value, theta, step, g, tasks)[:, None] * step
        worst = int(size.argmax())
        raise NotConverged(
            f"the inner problem of task {worst} did not converge in {self.max_steps} Newton steps "
            f"(relative step {float(size[worst]):.2g}); raise inner_reg or max_steps"
        )

    @staticmethod
    def _length(value: Any, theta: Tensor, step: Tensor, g: Tensor, tasks: TaskView) -> Tensor:
        """Armijo step lengths (T,), halved task by task."""
        length = torch.ones_like(theta[:, 0])
        here, slope = value(theta, tasks), (g * step).sum(1)
        noise = 16 * torch.finfo(theta.dtype).eps * (1 + here.abs())
        for _ in range(30):
            bad = (
                value(theta + length[:, None] * step, tasks) > here + 1e-4 * length * slope + noise
            )
            if not bad.any():
                break
            length = torch.where(bad, length / 2, length)
        return length

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Two chord steps from theta*."""
        theta, b = state
        g = grad(lambda th, la: self.inner(s, th, la, task))
        first = theta - b @ g(theta, lam)
        return first - b @ g(first, lam)
