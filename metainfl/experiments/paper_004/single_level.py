"""Single-level problems as tasks: one of them, and no support."""

from __future__ import annotations

from torch import Tensor

from metainfl.problem.tasks import Tasks


def single(x: Tensor, y: Tensor) -> Tasks:
    """One task without support: a single-level problem."""
    x, y = x[None].double(), y[None]
    return Tasks(x[:, :0], y[:, :0], x, y)
