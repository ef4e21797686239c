"""The tasks of one step of a run as its augmentation draws them.

Each task has a generator of its own, so that its draw hangs on seed, step and task alone: tasks are drawn
one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from metainfl.errors import InvalidRecipe
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks
from metainfl.training.augmentation import Augmentation


def augmented(
    tasks: Tasks, augmentation: Augmentation, key: tuple[int, int], places: Sequence[int]
) -> Tasks:
    """The same tasks, targets and weights with other inputs; `key` is the seed and the step, `places` are
    the tasks' among all of the run.
    """
    groups = []
    for index, batch in tasks.groups():
        sides = []
        for row, k in enumerate(index.tolist()):
            given = batch.support_x[row], batch.query_x[row]
            found = augmentation(*given, _draw(*key, places[k]))
            if [tuple(x.shape) for x in found] != [tuple(x.shape) for x in given]:
                raise InvalidRecipe(
                    f"augmentation {augmentation!r} changes the shapes of inputs, from "
                    f"{[tuple(x.shape) for x in given]} to {[tuple(x.shape) for x in found]}"
                )
            sides.append(found)
        support, query = (torch.stack(side) for side in zip(*sides, strict=True))
        groups.append((index, replace(batch, support_x=support, query_x=query)))
    return groups[0][1] if len(groups) == 1 else Ragged(groups)


def _draw(seed: int, step: int, task: int) -> torch.Generator:
    """A generator of its own for every step and task."""
    state = np.random.SeedSequence([seed % 2**64, step, task]).generate_state(1, np.uint64)[0]
    return torch.Generator(device="cpu").manual_seed(int(state >> np.uint64(1)))
