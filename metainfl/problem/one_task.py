"""The loss of one task, and what it is made of: theta, the learner's outputs on the query set.

L_O = sum_j v_j l(z_j; lam, theta(lam)) + (direct/2) |theta - lam|^2
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor

from metainfl.operations import exact_derivatives
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.losses import Loss, weighted
from metainfl.problem.tasks import TaskView


class OneTask:
    """What is computed of one task; a `Definition` has many."""

    setting: Setting
    adaptation: Adaptation
    outer_loss: Loss
    direct: float

    def exactly(self) -> AbstractContextManager[None]:
        """The context of every forward pass: exact derivatives, and nothing read past the model."""
        origin = getattr(self.setting.model, "origin", None)
        return exact_derivatives(None if origin is None else origin.watch)

    def adapted(self, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Theta of one task as a function of lam."""
        with self.exactly():
            return self.adaptation.adapt(self.setting, lam, task, state)

    def outputs_at(self, direct: Tensor, theta: Tensor, task: TaskView) -> Tensor:
        """The learner's outputs on the query set as a function of theta, and of lam where it is read."""
        with self.exactly():
            return self.adaptation.outputs(self.setting, direct, theta, task.query_x)

    def outputs(self, direct: Tensor, adapted: Tensor, task: TaskView, state: Any) -> Tensor:
        """The same with lam split: what is read directly, and through adaptation. Equal in value where
        both are lam; partial derivatives come from the split.
        """
        return self.outputs_at(direct, self.adapted(adapted, task, state), task)

    def loss_at(self, direct: Tensor, theta: Tensor, task: TaskView) -> Tensor:
        """L_O of one task as a function of lam, as far as it is read directly, and of theta."""
        outputs = self.outputs_at(direct, theta, task)
        with self.exactly():
            value = weighted(self.outer_loss, outputs, task.query_y, task.query_weight, "outer")
        if self.direct:
            value = (
                value + (0.5 * self.direct * (theta - direct).square()).sum()
            )  # summed last: see `Unrolled`
        return value

    def split_loss(self, direct: Tensor, adapted: Tensor, task: TaskView, state: Any) -> Tensor:
        """The same with theta adapted from `adapted`."""
        return self.loss_at(direct, self.adapted(adapted, task, state), task)

    def task_loss(self, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """L_O of one task through its adaptation: the scalar that everything is a derivative of.

        `state` is the task's own part of adaptation.prepare(setting, lam, view), a constant: see the recipes.
        """
        return self.split_loss(lam, lam, task, state)
