"""What a problem is made of, looked at before it is used: a class for an object, a name for an adaptation."""

from __future__ import annotations

from typing import Any

from torch import nn

from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.problem.adaptation import Adaptation
from metainfl.problem.given import said
from metainfl.problem.tasks import Tasks


def require_parts(model: Any, tasks: Any, adaptation: Any) -> None:
    """Raises `InvalidProblem` or `InvalidTasks` that names the one which is something else."""
    for name, value in (("model", model), ("adaptation", adaptation)):
        if isinstance(value, type):
            raise InvalidProblem(f"{name} is an object, not a class: write {value.__name__}(...)")
    if not isinstance(model, nn.Module) and not (callable(model) and hasattr(model, "n_params")):
        raise InvalidProblem(
            "model is a torch.nn.Module, or an object with n_params, called with theta (n_params,) and "
            f"x (n, ...); got {said(model)}"
        )
    if not isinstance(tasks, Tasks):
        raise InvalidTasks(
            f"tasks are metainfl.Tasks(support_x, support_y, query_x, query_y), or Tasks.ragged of mappings; "
            f"got {said(tasks)}"
        )
    if not isinstance(adaptation, Adaptation):
        raise InvalidProblem(
            "adaptation is how a task's parameters come from lam, such as metainfl.Unrolled(steps, rate) for "
            f"MAML or metainfl.NoAdaptation(); got {said(adaptation)}"
        )
