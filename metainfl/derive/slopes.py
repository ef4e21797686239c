"""The derivative of every task's loss, held against differences of that loss: one task may go another way.

    excess = | <g_i, v> - (L_i(lam + h v) - L_i(lam - h v)) / 2h | as far as no kink explains it (`kinks`),
relative to |g_i| / sqrt(p), or to a hundredth of the mean of that where it is more. A branch that is hidden
from differentiation explains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.derived import Derived
from metainfl.derive.kinks import Ends, unexplained
from metainfl.derive.loop import each
from metainfl.errors import InvalidProblem
from metainfl.problem import Tasks, TaskView
from metainfl.problem.normal import normal

T = TypeVar("T")
MOST = 64  # tasks that are looked at, evenly spaced
PROBES = 3
WRONG = 1e-3


def sample(tasks: Tasks) -> list[int]:
    """The places of at most `MOST` tasks, evenly spaced, the first and the last among them."""
    return spread(range(tasks.n_tasks), MOST)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of them, evenly spaced, the first and the last among them."""
    n = len(items)
    return [
        items[j]
        for j in sorted(
            {round(k * (n - 1) / max(1, min(n, most) - 1)) for k in range(min(n, most))}
        )
    ]


def slope_errors(problem: Derived, seed: int = 0) -> Tensor:
    """The relative errors above at problem.lam, the median over random directions of each task (T,)."""
    lam = problem.lam
    v = normal(PROBES, len(lam), like=lam, seed=seed)
    v = v / v.norm(dim=1, keepdim=True)

    def along(task: TaskView, state: Any) -> Tensor:
        g = grad(problem.task_loss)(lam, task, state)
        return torch.cat([v @ g, g.norm()[None]])

    found = each(problem, lam, along, size=problem.plan.chunk)
    slopes, sizes = found[:, :-1].T, found[:, -1] / math.sqrt(len(lam))
    scale = sizes.clamp(min=1e-2 * float(sizes.mean()))
    here, eps = problem.losses(lam), torch.finfo(lam.dtype).eps

    def ends(h: float) -> list[Ends]:
        return [(problem.losses(lam + h * d), problem.losses(lam - h * d)) for d in v]

    base = eps ** (1 / 3) * max(1.0, float(lam.norm()))
    excess = unexplained(slopes, here, ends, base, 4 * eps * here.abs())
    return torch.where(excess > 0, excess / scale, 0.0).median(0).values


def check_slopes(errors: Tensor, places: list[int], what: str) -> None:
    """Raises `InvalidProblem` that names the task, by its place, whose slope is not its loss's derivative."""
    worst = int(errors.argmax())
    if errors[worst] > WRONG:
        count = int((errors > WRONG).sum())
        raise InvalidProblem(
            f"the gradient of the loss of {what} {places[worst]} is not its derivative (relative difference "
            f"{float(errors[worst]):.2g}; so for {count} of the {len(places)} that were looked at): a part "
            "of the model or of a loss is hidden from differentiation there (.detach(), torch.no_grad() or "
            ".data, a torch.autograd.Function, a hook that changes gradients); write it in plain torch "
            "operations, or freeze what should not be differentiated (requires_grad_(False))"
        )
