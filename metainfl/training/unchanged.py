"""Whether a run's program is still what it was when its steps were taken.

What a run reads is its own (`copied`), but for what functions close over: a loss that reads a variable of its
caller's reads what that holds now, and a derivative would be that of another run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from metainfl.errors import ProblemChanged
from metainfl.training.program import Program


def require_unchanged(program: Program, losses: Sequence[float]) -> None:
    """`ProblemChanged` where the first of `losses`, one a step taken, is not that step's loss any more."""
    if not losses:
        return
    batch = program.batch(0)
    each = program.scale(0) * batch.w * program.problem.losses(program.start.lam, batch)
    now, size = float(each.sum()), float(each.abs().sum())
    if not abs(now - losses[0]) <= torch.finfo(each.dtype).eps ** 0.5 * size:
        raise ProblemChanged(
            f"the loss of the first step was {losses[0]:.6g} when it was taken, and is {now:.6g} now: what a "
            "loss, the model or the adaptation reads was changed since (a variable that a function closes "
            "over, the turn of a loop say); give it what it reads as an attribute, and train again"
        )
