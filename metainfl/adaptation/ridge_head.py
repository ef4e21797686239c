"""A ridge-regression head on learned features (R2-D2 style); lam is the representation.

    theta = (F'UF + d_in I)^{-1} F'UY,   F = model(lam, X_support),   outputs = model(lam, X) theta

L_O reads lam directly, through the query features, so Direct-IF is not zero.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.tasks import TaskView


class RidgeHead(Adaptation):
    """Closed form in theta; the model maps inputs to features (n, r)."""

    same_space = False

    def __init__(self, inner_reg: float) -> None:
        if not (math.isfinite(inner_reg) and inner_reg > 0):
            raise InvalidProblem(f"inner_reg must be positive and finite, got {inner_reg}")
        self.inner_reg = inner_reg

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Theta (r c,)."""
        f = s.model(lam, task.support_x)
        weighted = task.support_weight[:, None] * f
        eye = torch.eye(f.shape[1], dtype=lam.dtype, device=lam.device)
        gram = f.T @ weighted + self.inner_reg * eye
        return torch.linalg.solve(gram, weighted.T @ task.support_y).reshape(-1)

    def outputs(self, s: Setting, lam: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        """model(lam, x) theta."""
        f = s.model(lam, x)
        return f @ theta.reshape(f.shape[1], -1)
