"""The tasks of one step of a run as its augmentation draws them.

Each task has a generator of its own, so that its draw hangs on seed, step and task alone: tasks are drawn
one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.problem.given import said
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks
from metainfl.training.augmentation import KNOWN, Augmentation

#: further calls that must make the same inputs: a rare draw shows in one of many
AGAIN = 8


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
            _require_tensors(augmentation, found)
            if [tuple(x.shape) for x in found] != [tuple(x.shape) for x in given]:
                raise InvalidRecipe(
                    f"augmentation {augmentation!r} changes the shapes of inputs, from "
                    f"{[tuple(x.shape) for x in given]} to {[tuple(x.shape) for x in found]}"
                )
            sides.append(found)
        support, query = (torch.stack(side) for side in zip(*sides, strict=True))
        groups.append((index, replace(batch, support_x=support, query_x=query)))
    return groups[0][1] if len(groups) == 1 else Ragged(groups)


def require_repeatable(
    tasks: Tasks, augmentation: Augmentation, key: tuple[int, int], places: Sequence[int]
) -> None:
    """`InvalidRecipe` where an augmentation of one's own makes two things of one draw: what it draws
    elsewhere no replay draws again, and derivatives would be those of another run.
    """
    if KNOWN.get(type(augmentation).__name__) is type(augmentation):
        return

    def inputs() -> list[Tensor]:
        batch = tasks.select(list(places))  # a copy: it may write into what it is given
        groups = augmented(batch, augmentation, key, places).groups()
        return [x for _, one in groups for x in (one.support_x, one.query_x)]

    first = inputs()
    for _ in range(AGAIN):
        if not all(torch.equal(a, b) for a, b in zip(first, inputs(), strict=True)):
            raise InvalidRecipe(
                f"augmentation {augmentation!r} makes other inputs of the same draw: take every random "
                "number from the generator that it is given, torch.randn(x.shape, generator=draw) say, and "
                "remember nothing from call to call"
            )


def _require_tensors(augmentation: Augmentation, found: Any) -> None:
    """`InvalidRecipe` where an augmentation returns anything but two tensors."""
    pair = isinstance(found, (tuple, list)) and len(found) == 2
    if not pair or not all(isinstance(x, Tensor) for x in found):
        got = ", ".join(type(x).__name__ for x in found) if pair else said(found)
        raise InvalidRecipe(
            f"augmentation {augmentation!r} returns the inputs of both sides, (support, query), as tensors; "
            f"got {got}"
        )


def _draw(seed: int, step: int, task: int) -> torch.Generator:
    """A generator of its own for every step and task."""
    state = np.random.SeedSequence([seed % 2**64, step, task]).generate_state(1, np.uint64)[0]
    return torch.Generator(device="cpu").manual_seed(int(state >> np.uint64(1)))
