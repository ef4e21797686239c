"""Prototypical networks (002, section 3): classes are the weighted means of their support embeddings.

    C_k = sum_j u_j y_jk e_j / sum_j u_j y_jk,  e = model(lam, x),  outputs_k = -|model(lam, x) - C_k|^2

Targets are one-hot (n, ways). Paper 002 prints the class probability with exp(+d); a distance needs
the minus sign used here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.failing import of_stack
from metainfl.problem.tasks import Tasks, TaskView


class Prototypes(Adaptation):
    """Metric-based adaptation with squared Euclidean distance."""

    same_space = False

    def check(self, s: Setting, tasks: Tasks) -> None:
        """Targets are one-hot, and every class of every task has support weight."""
        if not tasks.support_y.is_floating_point() or tasks.support_y.ndim != 3:
            raise InvalidProblem(
                "prototypes need one-hot targets (tasks, instances, ways); encode class labels first "
                "(metainfl.data.one_hot)"
            )
        if (tasks.support_y < 0).any():
            place = torch.nonzero(tasks.support_y < 0)[0].tolist()
            raise InvalidProblem(
                "prototypes need one-hot targets, or shares of the ways, which are not negative; got "
                f"{float(tasks.support_y[tuple(place)]):.3g} at index {place} of support_y"
            )
        mass = (tasks.view().support_weight[:, :, None] * tasks.support_y).sum(1)
        if (mass <= 0).any():
            task, way = torch.nonzero(mass <= 0)[0].tolist()
            error = InvalidTasks(
                f"way {way} of task {task} of its stack has no support weight: no prototype"
            )
            raise of_stack(error, task)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """C (ways r,)."""
        e = _embedded(s, lam, task.support_x)
        share = task.support_weight[:, None] * task.support_y
        return ((share.T @ e) / share.sum(0)[:, None]).reshape(-1)

    def outputs(self, s: Setting, lam: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        """Minus squared distances to each prototype (n, ways)."""
        e = _embedded(s, lam, x)
        centres = theta.reshape(-1, e.shape[1])
        return -(e[:, None, :] - centres).square().sum(2)


def _embedded(s: Setting, lam: Tensor, x: Tensor) -> Tensor:
    """The embeddings (n, r), one row an instance."""
    e = s.model(lam, x)
    if e.ndim != 2 or len(e) != len(x):
        raise InvalidProblem(
            f"prototypes are means of embeddings (n, r), one row an instance; the model gives "
            f"{tuple(e.shape)} for {len(x)} instances: flatten them (torch.nn.Flatten)"
        )
    return e
