"""All data of a task set that removal could have an effect on."""

from __future__ import annotations

from metainfl.problem.perturbation import Perturbation, query, support, task
from metainfl.problem.tasks import Tasks


def all_tasks(tasks: Tasks) -> list[Perturbation]:
    """Those of weight above 0; one of weight 0 has no effect that removal could have."""
    return [task(k) for k, w in enumerate(tasks.w.tolist()) if w > 0]


def all_instances(tasks: Tasks) -> list[Perturbation]:
    """Support and query instances of weight above 0, of tasks of weight above 0."""
    out = []
    for p in all_tasks(tasks):
        for side, made in (("support", support), ("query", query)):
            weights = tasks.side(side, p.task)[1].tolist()
            out += [made(p.task, j) for j, w in enumerate(weights) if w > 0]
    return out
