"""No adaptation: single-level problems, where lam is the model."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.tasks import TaskView


class NoAdaptation(Adaptation):
    """theta = lam; the support set is not read. Classical influence functions."""

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """lam itself."""
        return lam

    def frozen(self) -> Adaptation:
        """Itself: nothing is adapted, so partial and total derivatives agree."""
        return self
