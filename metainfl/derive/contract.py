"""The adjoint of `cross.columns`: s . d(grad F)/d pi for every perturbation from one pass a direction.

s . D L_k is differentiated backward in weights and inputs, all of a task at once, so scores cost one solve
a target whatever the number of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.beside_lam import require_followed
from metainfl.derive.left_out import require_left_out
from metainfl.derive.loop import into
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack
from metainfl.derive.vectors import rows_of
from metainfl.operations.forward import jvp
from metainfl.problem import Perturbation, TaskView
from metainfl.problem.perturbation import parts
from metainfl.problem.weights import FIELD, check


def contract(problem: Problem, directions: Tensor, perturbations: Sequence[Perturbation]) -> Tensor:
    """S' d(grad F)/d pi for S (p, m): (n, m), by one reverse pass over all tasks a direction."""
    check(problem.tasks, perturbations)
    lam = problem.lam
    wanted = [(i, m) for i, p in enumerate(perturbations) for m in parts(p)]
    fields = sorted({FIELD[m.kind] for _, m in wanted if m.kind != "task"})
    plan = problem.settled(lam)

    def add(stack: Stack, out: Tensor) -> None:
        place = {k: a for a, k in enumerate(stack.places.tolist())}
        here = [(i, m) for i, m in wanted if m.task in place]
        if here:
            require_left_out(problem, lam, stack.view, fields)
            require_followed(problem, lam, stack, fields)
        width = plan.width(len(stack.w))
        for first in range(0, out.shape[1] if here else 0, width):
            some = directions[:, first : first + width]
            slopes = _slopes(problem, rows_of(some), fields, stack)
            for kind in sorted({m.kind for _, m in here}):
                chosen = [(i, m) for i, m in here if m.kind == kind]
                rows = torch.tensor([i for i, _ in chosen], device=out.device)
                at = tuple(
                    torch.tensor(x, device=out.device)
                    for x in zip(*(_at(m, place[m.task]) for _, m in chosen), strict=True)
                )
                found = slopes[FIELD.get(kind, "task")]
                if kind.endswith("input"):
                    found = found.flatten(3)
                index: tuple[Any, ...] = (slice(None), *at)
                out[:, first : first + width].index_add_(0, rows, found[index].T)

    start = lam.new_zeros(len(perturbations), directions.shape[1])
    return into(problem, lam, start, add, size=plan.chunk, of=(directions, perturbations))


def _at(m: Perturbation, task: int) -> tuple[int, ...]:
    """Where a member stands in an array (tasks of a stack, instances, features)."""
    place = (task, m.instance, m.axis)
    return place[:1] if m.kind == "task" else place if m.kind.endswith("input") else place[:2]


def _slopes(problem: Problem, rows: Tensor, fields: list[str], stack: Stack) -> dict[str, Tensor]:
    """d(s . w_k D L_k)/d field for the tasks of a stack and rows s (k, p); "task" is s . D L_k."""
    lam, reverse = problem.lam, problem.plan.mode == "reverse"

    def along(
        values: dict[str, Tensor], s: Tensor, one: TaskView, own: Any
    ) -> tuple[Tensor, Tensor]:
        moved = one._replace(**values)
        if reverse:
            slope = grad(problem.task_loss)(lam, moved, own) @ s
        else:
            slope = jvp(lambda at: problem.task_loss(at, moved, own), (lam,), (s,))[1]
        return slope, slope

    def task(s: Tensor, one: TaskView, own: Any) -> tuple[dict[str, Tensor], Tensor]:
        if not fields:
            return {}, along({}, s, one, own)[0]
        given = {f: getattr(one, f) for f in fields}
        return grad(along, has_aux=True)(given, s, one, own)

    tasks = vmap(task, in_dims=(None, 0, 0))
    slopes, values = vmap(tasks, in_dims=(0, None, None))(rows, stack.view, stack.state)
    out = {f: (stack.w.reshape(-1, *[1] * (g.ndim - 2)) * g).detach() for f, g in slopes.items()}
    return {**out, "task": values.detach()}
