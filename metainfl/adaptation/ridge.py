"""Proximal ridge: the proximal adaptation of a linear model with squared loss, in closed form.

theta = A^{-1} (X'UY + d_in lam),  A = X'UX + d_in I   (001, eqs 2-3 with squared loss)

A is d x d, shared by the c outputs, so it is inverted once a task; the same two chord steps as in
`proximal` then carry the derivatives with matrix products alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.numbers import POSITIVE, real
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.losses import squared
from metainfl.problem.model import Linear
from metainfl.problem.tasks import Tasks, TaskView


class ProximalRidge(Adaptation):
    """One d x d solve a task; torch differentiates through it, reusing its factorisation."""

    inner_reg: float
    options: ClassVar = {"inner_reg": lambda value: real(value, "inner_reg", POSITIVE)}

    def __init__(self, inner_reg: float) -> None:
        self.inner_reg = inner_reg

    def check(self, s: Setting, tasks: Tasks) -> None:
        """A linear model, the squared loss, numbers as targets."""
        if not isinstance(s.model, Linear) or s.inner_loss is not squared:
            raise InvalidProblem(
                "ProximalRidge needs metainfl.Linear and the squared loss; use Proximal otherwise"
            )
        if not tasks.support_y.is_floating_point():
            raise InvalidProblem("ridge needs floating-point targets; see metainfl.data.one_hot")

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, d, c) and A^{-1} (T, d, d)."""
        assert isinstance(s.model, Linear)
        x, weighted = tasks.support_x, tasks.support_weight[:, :, None] * tasks.support_x
        eye = torch.eye(s.model.d, dtype=lam.dtype, device=lam.device)
        a = x.mT @ weighted + self.inner_reg * eye
        rhs = weighted.mT @ tasks.support_y + self.inner_reg * lam.reshape(s.model.d, s.model.c)
        return torch.linalg.solve(a, rhs), torch.linalg.inv(a)

    def witness(self, s: Setting, lam: Tensor, tasks: TaskView, state: Any) -> Tensor:
        """Both parts of the inner gradient at theta* (2 T, d, c), which cancel as long as it is theta*."""
        assert isinstance(s.model, Linear)
        theta, x = state[0].reshape(-1, s.model.d, s.model.c), tasks.support_x
        fit = tasks.support_weight[:, :, None] * (x @ theta - tasks.support_y)
        pull = self.inner_reg * (theta - lam.detach().reshape(theta.shape[1:]))
        return torch.cat([x.mT @ fit, pull])

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Theta (d c,)."""
        theta, inverse = state
        mat = lam.reshape(theta.shape)
        for _ in range(2):
            error = task.support_x @ theta - task.support_y
            g = task.support_x.mT @ (task.support_weight[:, None] * error)
            theta = theta - inverse @ (g + self.inner_reg * (theta - mat))
        return theta.reshape(-1)
