"""Whether there is anything to ask about, and what the scores of instances are."""

from __future__ import annotations

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidTasks
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
