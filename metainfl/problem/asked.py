"""What a question is given beside its problem: targets, and vectors beside lam."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.problem.given import said
from metainfl.problem.tasks import Tasks


def require_tasks(value: Any, name: str = "targets") -> Tasks:
    """Tasks, and nothing that looks like them."""
    if not isinstance(value, Tasks):
        raise InvalidTasks(f"{name} must be metainfl.Tasks, got {said(value)}")
    return value


def rows(value: Any, like: Tensor, name: str) -> Tensor:
    """Vectors (n, p), one a row, beside `like` (p,); a list of them is taken, and an empty one."""
    if isinstance(value, (list, tuple)) and all(isinstance(v, Tensor) for v in value):
        same = {v.shape for v in value} <= {like.shape}
        value = torch.stack([v.to(like) for v in value] or [like])[: len(value)] if same else value
    if not isinstance(value, Tensor) or value.ndim != 2 or value.shape[1:] != like.shape:
        shape = tuple(value.shape) if isinstance(value, Tensor) else said(value)
        raise InvalidProblem(f"{name} must be a tensor (n, {len(like)}), one a row, got {shape}")
    return value.to(like)
