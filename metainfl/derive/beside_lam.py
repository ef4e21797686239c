"""Whether derivatives in inputs, and in support weights, are derivatives where a user's own code reads them.

What hides nothing of lam may hide something of these: a frozen part under no_grad, an input that is
detached, a weight read as a number. With g_k the gradient of one task's loss in lam,

    | d<g_k, v> along d - (<g_k, v>(x + h d) - <g_k, v>(x - h d)) / 2h |

as far as no kink explains it (`kinks`). Each task is looked at once, and not more than
`MOST` of a problem at one lam.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.derived import Derived
from metainfl.derive.differences import in_double
from metainfl.derive.kinks import Ends, unexplained
from metainfl.derive.loop import each
from metainfl.derive.own_code import foreign, own_code
from metainfl.derive.share import ALONE, sharing
from metainfl.derive.slopes import MOST, PROBES, WRONG
from metainfl.derive.stacks import Stack
from metainfl.errors import InvalidProblem, MetainflError
from metainfl.problem import Tasks, TaskView
from metainfl.problem.digest import digest
from metainfl.problem.normal import normal

INPUTS = {"support_x": "support inputs", "query_x": "query inputs"}
WEIGHTS = {"support_weight": "support weights"}


def require_followed(
    problem: Derived, lam: Tensor, stack: Stack, fields: Iterable[str], *, everywhere: bool = True
) -> None:
    """`InvalidProblem` where torch does not follow how a task's gradient changes with one of the fields.

    `everywhere`: at each lam anew, where another branch may be taken; else at one is enough.
    """
    where = digest(lam)[:8] if everywhere else ""
    of = {**(INPUTS if own_code(problem) else {}), **(WEIGHTS if _own(problem) else {})}
    for field in [f for f in fields if f in of and getattr(stack.view, f).shape[1]]:
        names = [
            f"{field}{where} {digest(*(t[i] for t in stack.view))}" for i in range(len(stack.w))
        ]
        known = problem.slopes_hold
        left = MOST - sum(n.startswith(f"{field}{where} ") for n in known)
        new = [i for i, n in enumerate(names) if n not in known][: max(left, 0)]
        if not new:
            continue
        errors = _errors(problem, lam, TaskView(*(t[new] for t in stack.view)), field)
        if errors is not None:
            _require_none(errors, stack.places[new], of[field])
            known.update(names[i] for i in new)


def _own(problem: Derived) -> bool:
    return foreign(type(problem.adaptation))


def _errors(problem: Derived, lam: Tensor, view: TaskView, field: str) -> Tensor | None:
    """Relative errors (T,), the median over random directions; None where they cannot be had: told where
    derivatives are computed.
    """
    own = problem.replaced(tasks=Tasks(*view[:4], None, *view[4:]), lam=lam)
    for there in (in_double, lambda same: same):  # a constant may be of the problem's own precision
        with sharing(ALONE), suppress(RuntimeError, IndexError, MetainflError):
            return _differences(there(own), field)
    return None


def _differences(problem: Derived, field: str) -> Tensor:
    lam, tasks = problem.lam, problem.tasks
    x, eps = getattr(tasks, field), torch.finfo(lam.dtype).eps
    v = _rows(PROBES, len(lam), like=lam, seed=0)
    d = [_rows(*x.shape, like=lam, seed=1 + i) for i in range(PROBES)]

    def along(task: TaskView, state: Any) -> Tensor:
        def bent(value: Tensor, one: Tensor) -> Tensor:
            moved = task._replace(**{field: value})
            return grad(problem.task_loss)(lam, moved, state) @ one

        return torch.stack([grad(bent)(getattr(task, field), one).flatten() for one in v])

    def ends(h: float) -> list[Ends]:
        return [
            (_slopes(problem, field, x + h * a) @ b, _slopes(problem, field, x - h * a) @ b)
            for a, b in zip(d, v, strict=True)
        ]

    found = each(problem, lam, along, size=problem.plan.chunk)
    rates = torch.stack(
        [(f * a.flatten(1)).sum(1) for f, a in zip(found.unbind(1), d, strict=True)]
    )
    slopes = problem.task_gradients(lam)
    base = eps ** (1 / 3) * max(1.0, float(x.abs().max()))
    rounding = 4 * eps * slopes.norm(dim=1)
    excess = unexplained(rates, v @ slopes.T, ends, base, rounding)
    sizes = found.norm(dim=2).T / math.sqrt(found.shape[2])
    scale = torch.maximum(sizes, excess).clamp(min=1e-2 * float(sizes.mean()))
    return torch.where(excess > 0, excess / scale, 0.0).median(0).values


def _slopes(problem: Derived, field: str, value: Tensor) -> Tensor:
    """The gradient of each task's loss in lam (T, p), with other inputs or weights."""
    names = ("support_x", "support_y", "query_x", "query_y", "support_weight", "query_weight")
    given = {name: getattr(problem.tasks, name) for name in names}
    return problem.task_gradients(problem.lam, Tasks(**{**given, field: value}))


def _rows(*shape: int, like: Tensor, seed: int) -> Tensor:
    """Random rows of length 1."""
    rows = normal(*shape, like=like, seed=seed)
    return rows / rows.flatten(1).norm(dim=1).reshape(-1, *[1] * (len(shape) - 1))


def _require_none(errors: Tensor, places: Tensor, what: str) -> None:
    worst = int(errors.argmax())
    if errors[worst] > WRONG:
        raise InvalidProblem(
            f"how the gradient of task {int(places[worst])} changes with its {what} is not what torch says "
            f"(relative difference {float(errors[worst]):.2g}): a part of the model, of a loss or of the "
            "adaptation is hidden from differentiation there (.detach(), torch.no_grad() or .data, a "
            "torch.autograd.Function); write it in plain torch operations, or ask about other weights"
        )
