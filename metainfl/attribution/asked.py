"""All weights that can be asked about: every task, support instance and query instance that counts."""

from __future__ import annotations

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidTasks
from metainfl.problem.perturbation import Perturbation, query, support, task
from metainfl.problem.tasks import Tasks


def something(tasks: Tasks, when: str) -> None:
    """`InvalidTasks` where no query instance is left that any training could learn from."""
    for k, w in enumerate(tasks.w.tolist()):
        if w > 0 and bool((tasks.side("query", k)[1] > 0).any()):
            return
    raise InvalidTasks(
        f"{when}: no task of weight above 0 has a query instance of weight above 0, so nothing is left to "
        "train on; keep some, or give them weight (tasks.reweighted)"
    )


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


def of_instances(problem: Problem) -> str:
    """What scores of instances are where they are no removals; nothing where they are."""
    layer = getattr(problem.setting.model, "batch_statistics", None)
    if layer is None:
        return ""
    return (
        f"scores of instances are no removals: layer {layer!r} normalises with the statistics of its batch, "
        "in which an instance stays whatever its weight. They are minus the weight times its derivative, "
        "and `metainfl edit` removes tasks alone; LayerNorm or GroupNorm make instances removable"
    )
