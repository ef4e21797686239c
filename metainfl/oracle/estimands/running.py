"""What truths about training runs are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metainfl_reference.estimands import trajectory
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData

Array = np.ndarray


@dataclass(frozen=True)
class KnownRun:
    """A family, the reference's run of it, and target tasks."""

    family: Family
    run: trajectory.Run
    targets: tuple[TaskData, ...]

    @cached_property
    def target_gradients(self) -> Array:
        """D L_t at lam_S (p, targets)."""
        rows = [self.family.target_gradient(t, self.run.lam[-1]) for t in self.targets]
        return np.stack(rows, axis=1)
