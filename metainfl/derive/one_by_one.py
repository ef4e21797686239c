"""Whether a loss gives each instance its own: not a mean, and nothing of its neighbours.

Only then does a weight of zero remove an instance. Every instance is computed alone and held against all
together, up to `ALONE` of a task.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.adaptation import Proximal, Unrolled
from metainfl.derive import failure
from metainfl.derive.derived import Derived
from metainfl.derive.slopes import spread
from metainfl.errors import InvalidProblem
from metainfl.problem import Loss, TaskView

ALONE = 16  # instances of which a loss is also computed alone


def losses(problem: Derived, outputs: Tensor, task: TaskView, where: str) -> None:
    """Both losses, as far as they are read."""
    _one_by_one(problem.outer_loss, "outer", outputs, task.query_y, where)
    if isinstance(problem.adaptation, (Unrolled, Proximal)) and len(task.support_x):
        inner = problem.setting.model(problem.lam, task.support_x).detach()
        _one_by_one(problem.setting.inner_loss, "inner", inner, task.support_y, where)


def _one_by_one(loss: Loss, name: str, outputs: Tensor, targets: Tensor, where: str) -> None:
    """The loss of an instance is its own: not that of a broadcast (n, 1) against (n,), nor of a mean."""
    shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}"
    read = targets.clone()
    together = failure.loss(loss, name, outputs, read, where)
    if not torch.equal(read, targets):
        raise InvalidProblem(
            f"the {name} loss writes into its targets {where}: let it work on a copy (targets.clone())"
        )
    if not torch.equal(
        together.nan_to_num(), failure.loss(loss, name, outputs, read, where).nan_to_num()
    ):
        raise InvalidProblem(
            f"the {name} loss gives different values on the same outputs and targets {where}: it draws "
            "random numbers (Python's or numpy's too) or keeps state; take that out"
        )
    n = len(outputs)
    looked = spread(range(n), ALONE)
    alone = [failure.loss(loss, name, outputs[j : j + 1], read[j : j + 1], where) for j in looked]
    if n < 2 or not torch.isfinite(together).all():
        return  # what is not finite is named where it is computed
    gap = float(
        (together[looked] - torch.cat(alone)).abs().max() / together.abs().max().clamp(min=1)
    )
    if gap > 1e3 * torch.finfo(outputs.dtype).eps:
        raise InvalidProblem(
            f"the {name} loss of an instance changes with the other instances: {shapes} broadcast "
            "against one another, or the loss takes a mean or reads neighbours; give targets the shape of "
            "the outputs, and let a loss read its own row alone"
        )
