"""What a question is given beside its problem: targets, and vectors beside lam."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, InvalidTasks, NotFinite
from metainfl.problem.definition import Definition
from metainfl.problem.dense import dense
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.suited import require_suited
from metainfl.problem.tasks import Tasks


def require_tasks(value: Any, like: Tensor | None = None, name: str = "targets") -> Tasks:
    """Tasks, and nothing that looks like them; in the precision and on the device of `like`, if given."""
    if not isinstance(value, Tasks):
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        swapped = isinstance(first, Perturbation)
        more = ", which are perturbations: look at the order of the arguments" if swapped else ""
        raise InvalidTasks(f"{name} must be metainfl.Tasks, got {said(value)}{more}")
    return value if like is None else value.to(like.device, like.dtype)


def suited(problem: Definition, lam: Tensor, tasks: Any, name: str = "tasks") -> Tasks:
    """Tasks that are not the problem's own, as it has its own: in its precision, and looked at."""
    tasks = require_tasks(tasks, lam, name)
    require_suited(problem.setting, problem.adaptation, tasks)
    return tasks


def require_targets(problem: Any, targets: Any, name: str = "targets") -> Tasks:
    """Tasks beside a problem, as it has its own."""
    require_problem(problem)
    return require_tasks(targets, problem.lam, name)


def require_problem(value: Any) -> None:
    """A problem; a run is told where its own answers are."""
    if not isinstance(value, Definition):
        run = hasattr(value, "program") and hasattr(value, "replay")
        more = "; a training run has its own run.influence(...) and run.scores(...)" if run else ""
        raise InvalidProblem(f"this is asked of a metainfl.Problem, got {said(value)}{more}")


def rows(value: Any, like: Tensor, name: str) -> Tensor:
    """Vectors (n, p), one a row, beside `like` (p,); a list of them is taken, and an empty one."""
    if isinstance(value, (list, tuple)) and all(isinstance(v, Tensor) for v in value):
        same = {v.shape for v in value} <= {like.shape}
        value = torch.stack([v.to(like) for v in value] or [like])[: len(value)] if same else value
    if isinstance(value, Tensor) and not value.is_complex():
        dense(name, value)
    if not isinstance(value, Tensor) or value.ndim != 2 or value.shape[1:] != like.shape:
        shape = tuple(value.shape) if isinstance(value, Tensor) else said(value)
        raise InvalidProblem(f"{name} must be a tensor (n, {len(like)}), one a row, got {shape}")
    if value.is_complex():
        raise InvalidProblem(f"{name} must be real, got {value.dtype}: give the real part")
    bad = ~torch.isfinite(value).all(1)
    if bad.any():
        row = int(bad.nonzero()[0])
        raise NotFinite(
            f"row {row} of {name} is not finite ({int(bad.sum())} of {len(value)} rows): find where it "
            "arose, or leave it out",
            quantity=name,
        )
    return value.to(like)
