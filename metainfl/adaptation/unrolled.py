"""MAML: adaptation by a fixed number of gradient steps, differentiated as it is run.

    theta_0 = lam,  theta_t = theta_{t-1} - alpha * grad [sum_j u_j l(theta; z_j) + (d_in/2)|theta - lam|^2]

alpha is a number or one rate per parameter (Meta-SGD); a rate of zero leaves a parameter unadapted
(ANIL-style partial adaptation). d_in = 0 is plain MAML.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.func import grad

from metainfl.errors import InvalidProblem
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.losses import weighted
from metainfl.problem.tasks import TaskView


class Unrolled(Adaptation):
    """k gradient steps; first-order MAML is not a derivative of anything and is not offered."""

    def __init__(self, steps: int, rate: float | Tensor, *, inner_reg: float = 0.0) -> None:
        if steps < 1:
            raise InvalidProblem(f"steps must be at least 1, got {steps}")
        if not torch.isfinite(torch.as_tensor(rate)).all():
            raise InvalidProblem("the inner learning rate is not finite")
        if not (math.isfinite(inner_reg) and inner_reg >= 0):
            raise InvalidProblem(f"inner_reg must be finite and not negative, got {inner_reg}")
        self.steps, self.rate, self.inner_reg = steps, rate, inner_reg

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """theta_k."""

        def inner(theta: Tensor, lam: Tensor) -> Tensor:
            outputs = s.model(theta, task.support_x)
            fit = weighted(s.inner_loss, outputs, task.support_y, task.support_weight, "inner")
            return fit + 0.5 * self.inner_reg * (theta - lam).square().sum()

        rate = self.rate
        if isinstance(rate, Tensor):
            rate = rate.to(lam).reshape(-1)
        theta = lam
        for _ in range(self.steps):
            theta = theta - rate * grad(inner)(theta, lam)
        return theta
