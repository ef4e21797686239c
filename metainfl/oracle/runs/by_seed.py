"""A run whose recipe says how its batches are drawn, and one rate, in place of every batch and every rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import torch

from metainfl.oracle.checks.run_parts import under
from metainfl.oracle.runs.case import RunCase
from metainfl.problem.perturbation import Perturbation
from metainfl.training import Recipe, train
from metainfl_reference.episodes import Weights
from metainfl_reference.estimands import trajectory

SIZE, SEED, STEPS = 2, 11, 5
RATE = 0.04


class BySeed(RunCase):
    """The reference is given the batches themselves."""

    @classmethod
    def of(cls, base: RunCase) -> Self:
        """The family, start and weights of another run."""
        assert base.recipe is not None
        drawn = Recipe(rate=RATE, steps=STEPS, batch_size=SIZE, seed=SEED)
        batches = drawn.batches_of(base.family.episodes.n_tasks)
        own = {**vars(base.recipe), "batches": batches, "rates": (RATE,) * STEPS}
        other = object.__new__(cls)
        case = under(base, trajectory.Recipe(**own), "of batches drawn by seed")
        other.__dict__.update(case.__dict__)
        return other

    def there(self, p: Perturbation) -> Perturbation:
        """The same datum as it is called here."""
        return p

    def problem(
        self,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
        weights: Weights | None = None,
    ) -> Any:
        """As `RunCase.problem`."""
        program = super().problem(dtype, device, weights).program
        recipe = replace(program.recipe, batches=None, batch_size=SIZE, seed=SEED, rate=RATE)
        return train(program.problem, recipe, start=program.start, progress=False)
