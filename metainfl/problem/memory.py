"""What adaptations prepared at one lam, kept as long as nothing that it depends on has changed.

Lam is compared by value; tasks must be the very ones, which are held, with the versions that their tensors
had; adaptation, model and inner loss by what they read (`reading`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.reading import reads
from metainfl.problem.tasks import Tasks


class Memory:
    """The state of all tasks at one lam; replaced as a whole, so that threads see no half of it."""

    def __init__(self) -> None:
        self._kept: tuple[Tensor, Tasks, Any, Any] | None = None

    def recall(self, lam: Tensor, tasks: Tasks, adaptation: Adaptation, setting: Setting) -> Any:
        """What was kept for exactly this, or None."""
        kept = self._kept
        if kept is None or kept[0].shape != lam.shape or kept[0].dtype != lam.dtype:
            return None
        if kept[0].device != lam.device or not torch.equal(kept[0], lam):
            return None
        if tasks is not kept[1]:  # held here, so that another cannot come to stand in its place
            return None
        return kept[3] if kept[2] == _key(tasks, adaptation, setting) else None

    def keep(
        self, lam: Tensor, tasks: Tasks, adaptation: Adaptation, setting: Setting, state: Any
    ) -> None:
        """Keep it, in place of what was kept before."""
        self._kept = lam.detach().clone(), tasks, _key(tasks, adaptation, setting), state


def _key(tasks: Tasks, adaptation: Adaptation, setting: Setting) -> Any:
    return tasks.versions(), reads(adaptation, setting.model, setting.inner_loss)
