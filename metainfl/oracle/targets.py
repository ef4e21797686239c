"""Target tasks of a case: drawn like the family's own but not among them, or given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.problem.tasks import Tasks
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.family import Family, task_data
from metainfl_reference.generators import small
from metainfl_reference.local import TaskData

N_TARGETS = 2
TARGET_SEED = 90_001


def drawn(family: Family) -> list[TaskData]:
    """A few of another draw of the family; its own first tasks where their inputs have another shape."""
    e = small(family.name, TARGET_SEED).episodes
    if e.query_x.shape[2:] != family.episodes.query_x.shape[2:]:
        e = family.episodes
    return [task_data(e, Weights.ones(e), k) for k in range(min(N_TARGETS, e.n_tasks))]


def given(episodes: Episodes, weights: Weights | None) -> list[TaskData]:
    """All of these episodes, weights 1 unless there are others."""
    w = weights or Weights.ones(episodes)
    return [task_data(episodes, w, k) for k in range(episodes.n_tasks)]


def as_tasks(targets: Sequence[TaskData], like: Problem, weights: Weights | None = None) -> Tasks:
    """The targets as production tasks, on the problem's device and in its precision.

    Where the instances have weights the tasks have some too: L_t is a target's own loss, and they count for
    nothing there.
    """
    fields = ("support_x", "support_y", "query_x", "query_y")
    arrays = [np.stack([getattr(t, name) for t in targets]) for name in fields]
    instances = (np.stack([getattr(t, name) for t in targets]) for name in ("u", "v"))
    where = like.tasks.query_x
    own = np.ones(len(targets)) if weights is None else weights.task[: len(targets)]
    every = (torch.tensor(a) for a in (*arrays, own, *instances))
    return Tasks(*every).to(where.device, where.dtype)
