"""A ridge-regression head on learned features (R2-D2 style); lam is the representation.

    theta = (F'UF + d_in I)^{-1} F'UY,   F = model(lam, X_support),   outputs = model(lam, X) theta

L_O reads lam directly, through the query features, so Direct-IF is not zero. As in `proximal`, two chord
steps from theta* with the inverse Gram matrix held constant carry value, Jacobian and second derivative:
torch never differentiates a linear solve, which it does wrongly in forward mode under two levels of vmap.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.numbers import POSITIVE, real
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.tasks import Tasks, TaskView


class RidgeHead(Adaptation):
    """Closed form in theta; the model maps inputs to features (n, r)."""

    same_space = False

    inner_reg: float
    options: ClassVar = {"inner_reg": lambda value: real(value, "inner_reg", POSITIVE)}

    def __init__(self, inner_reg: float) -> None:
        self.inner_reg = inner_reg

    def check(self, s: Setting, tasks: Tasks) -> None:
        """Targets are numbers."""
        if not tasks.support_y.is_floating_point() or tasks.support_y.ndim != 3:
            raise InvalidProblem(
                "a ridge head needs floating-point targets (tasks, instances, outputs); one-hot encode "
                "class labels first (metainfl.data.one_hot)"
            )

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, r, c) and the inverse Gram matrix (T, r, r)."""
        f = torch.stack([s.model(lam, x) for x in tasks.support_x]).detach()
        if f.ndim != 3 or f.shape[1] != tasks.support_x.shape[1]:
            raise InvalidProblem(
                f"a ridge head reads features (n, r), one row an instance; the model gives "
                f"{tuple(f.shape[1:])} for {tasks.support_x.shape[1]} instances: flatten them "
                "(torch.nn.Flatten)"
            )
        weighted = tasks.support_weight[:, :, None] * f
        eye = torch.eye(f.shape[2], dtype=lam.dtype, device=lam.device)
        inverse = torch.linalg.inv(f.mT @ weighted + self.inner_reg * eye)
        return inverse @ (weighted.mT @ tasks.support_y), inverse

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Theta (r c,), by two chord steps from theta*."""
        theta, inverse = state
        f = s.model(lam, task.support_x)
        for _ in range(2):
            error = f @ theta - task.support_y
            g = f.T @ (task.support_weight[:, None] * error) + self.inner_reg * theta
            theta = theta - inverse @ g
        return theta.reshape(-1)

    def outputs(self, s: Setting, lam: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        """model(lam, x) theta."""
        f = s.model(lam, x)
        return f @ theta.reshape(f.shape[1], -1)
