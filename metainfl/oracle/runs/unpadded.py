"""A run of tasks of their own sizes, without padding: the same run, written down in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from metainfl.oracle.checks.notations import Unpadded
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.targets import as_tasks
from metainfl.problem.tasks import Tasks
from metainfl.training import train
from metainfl_reference.episodes import Weights


class UnpaddedRun(Unpadded, RunCase):
    """Every state is kept; of a run that was stopped before its end there is none."""

    def problem(
        self,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
        weights: Weights | None = None,
    ) -> Any:
        """As `RunCase.problem`, the first two tasks exchanged in every batch too."""
        program = RunCase.problem(self, dtype, device, weights).program
        batches = [[self.order.index(k) for k in batch] for batch in program.batches]
        own = program.problem.replaced(tasks=self.written(program.problem.tasks, self.order))
        recipe = replace(program.recipe, batches=batches, batch_size=None)
        return train(own, recipe, start=program.start, progress=False)

    def target_tasks(self, like: Any) -> Tasks:
        """As `RunCase.target_tasks`, in their own order."""
        found = as_tasks(self.targets, RunCase.problem(self).program.problem, self.target_weights)
        return self.written(found, range(found.n_tasks))
