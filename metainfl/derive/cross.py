"""Right-hand sides of the implicit function theorem: d(grad F)/d pi for any list of perturbations.

    task            D L_k
    query instance  w_k d(D L_k)/dv_kj      = w_k D l(z_kj; theta_k(lam))       (001, Thm 4.5, total)
    support         w_k d(D L_k)/du_kj      = - w_k D P(lam; z_kj)              (001, Prop. 4.8)
    input shift     w_k d(D L_k)/dx_kj[a]                                     (004, eq. 2.2)
    group           the sum of its members

`columns` differentiates the task gradient in the weights, all instances of a task at once.
`contract` differentiates s . D L_k backward instead: one pass gives s . (d grad F/d pi) for every
perturbation of every task, which is why scores cost one solve a target whatever the number of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import TaskView

FIELD = {
    "support": "support_weight",
    "query": "query_weight",
    "support_input": "support_x",
    "query_input": "query_x",
}


def check(problem: Problem, perturbations: Sequence[Perturbation]) -> None:
    """Raise `InvalidProblem` for a perturbation that names nothing in this problem."""
    if len(perturbations) == 0:
        raise InvalidProblem("no perturbations given; try [metainfl.task(0)]")
    view = problem.tasks.view()
    for p in perturbations:
        for m in parts(p):
            if not 0 <= m.task < problem.tasks.n_tasks:
                raise InvalidProblem(f"{m}: tasks run from 0 to {problem.tasks.n_tasks - 1}")
            if m.kind == "task":
                continue
            shape = getattr(view, FIELD[m.kind]).shape
            if not 0 <= m.instance < shape[1]:
                raise InvalidProblem(f"{m}: a task has {shape[1]} instances on that side")
            if m.kind.endswith("input") and not 0 <= m.axis < shape[2:].numel():
                raise InvalidProblem(f"{m}: an input has {shape[2:].numel()} features")


def columns(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """d(grad F)/d pi, one row a perturbation (n, p)."""
    check(problem, perturbations)
    out = problem.lam.new_zeros(len(perturbations), problem.n_meta)
    for kind in ("task", *FIELD):
        rows = [(i, m) for i, p in enumerate(perturbations) for m in parts(p) if m.kind == kind]
        if not rows:
            continue
        where = torch.tensor([i for i, _ in rows], device=out.device)
        out.index_add_(0, where, _members(problem, kind, [m for _, m in rows]))
    return out


def _members(problem: Problem, kind: str, members: list[Perturbation]) -> Tensor:
    """Rows (n, p) for members of one kind, chunk by chunk over the tasks they name."""
    lam = problem.lam
    used = sorted({m.task for m in members})
    place = {k: a for a, k in enumerate(used)}
    every = used == list(range(problem.tasks.n_tasks))
    tasks = problem.tasks if every else problem.tasks.select(used)  # whole: its state is kept
    row = torch.tensor([place[m.task] for m in members], device=lam.device)
    out = lam.new_empty(len(members), problem.n_meta)
    slope = grad(problem.task_loss)
    if kind == "task":
        return problem.task_gradients(lam, tasks)[row]

    reverse = kind != "task" and problem.product_mode == "reverse"

    def mixed(seed: Tensor, view: TaskView, state: Any) -> Tensor:
        """d(D L)/d field along `seed` (p,), in whichever order is faster."""
        value = getattr(view, FIELD[kind])

        def along(at: Tensor) -> Tensor:
            def loss(x: Tensor) -> Tensor:
                return problem.task_loss(at, view._replace(**{FIELD[kind]: x}), state)

            return (grad(loss)(value) * seed).sum()

        def moved(x: Tensor) -> Tensor:
            return slope(lam, view._replace(**{FIELD[kind]: x}), state)

        return grad(along)(lam) if reverse else jvp(moved, (value,), (seed,))[1]

    start = 0
    for view, w, state in problem.chunks(lam, tasks):
        here = torch.nonzero((row >= start) & (row < start + len(w)))[:, 0]
        chosen = [members[i] for i in here.tolist()]
        local = row[here] - start
        if kind.endswith("input"):
            seeds = _unit_inputs(view, kind, chosen)
            tasks_at = TaskView(*(t[local] for t in view))
            own = _index(state, local)

            some = vmap(mixed, chunk_size=problem.columns_at_once(1, lam))
            out[here] = w[local, None] * some(seeds, tasks_at, own)
        else:
            weights = getattr(view, FIELD[kind])
            seeds = torch.eye(weights.shape[1], dtype=lam.dtype, device=lam.device)
            width = problem.columns_at_once(len(w), lam)
            tasks_of = vmap(mixed, in_dims=(None, 0, 0))
            jac = vmap(tasks_of, in_dims=(0, None, None), chunk_size=width)(seeds, view, state)
            at = torch.tensor([m.instance for m in chosen], device=lam.device)
            out[here] = w[local, None] * jac[at, local]
        start += len(w)
    return out.detach()


def contract(problem: Problem, directions: Tensor, perturbations: Sequence[Perturbation]) -> Tensor:
    """S' d(grad F)/d pi for S (p, m): (n, m), by one reverse pass over all tasks a direction."""
    check(problem, perturbations)
    out = problem.lam.new_zeros(len(perturbations), directions.shape[1])
    wanted = [(i, m) for i, p in enumerate(perturbations) for m in parts(p)]
    fields = sorted({FIELD[m.kind] for _, m in wanted if m.kind != "task"})
    start = 0
    for view, w, state in problem.chunks(problem.lam):
        here = [(i, m) for i, m in wanted if start <= m.task < start + len(w)]
        width = problem.columns_at_once(len(w), problem.lam)
        for first in range(0, out.shape[1] if here else 0, width):
            some = directions[:, first : first + width]
            slopes = _slopes(problem, some.T, fields, view, w, state)
            for kind in sorted({m.kind for _, m in here}):
                chosen = [(i, m) for i, m in here if m.kind == kind]
                rows = torch.tensor([i for i, _ in chosen], device=out.device)
                at = tuple(
                    torch.tensor(x, device=out.device)
                    for x in zip(*(_at(m, start) for _, m in chosen), strict=True)
                )
                found = slopes[FIELD.get(kind, "task")]
                if kind.endswith("input"):
                    found = found.flatten(3)
                index: tuple[Any, ...] = (slice(None), *at)
                out[:, first : first + width].index_add_(0, rows, found[index].T)
        start += len(w)
    return out


def _at(m: Perturbation, start: int) -> tuple[int, ...]:
    """Where a member stands in an array (tasks of a chunk, instances, features)."""
    place = (m.task - start, m.instance, m.axis)
    return place[:1] if m.kind == "task" else place if m.kind.endswith("input") else place[:2]


def _slopes(
    problem: Problem, rows: Tensor, fields: list[str], view: TaskView, w: Tensor, state: Any
) -> dict[str, Tensor]:
    """d(s . w_k D L_k)/d field for the tasks of a chunk and rows s (k, p); "task" is s . D L_k."""
    lam, reverse = problem.lam, problem.product_mode == "reverse"

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
    slopes, values = vmap(tasks, in_dims=(0, None, None))(rows, view, state)
    out = {f: (w.reshape(-1, *[1] * (g.ndim - 2)) * g).detach() for f, g in slopes.items()}
    return {**out, "task": values.detach()}


def _unit_inputs(view: TaskView, kind: str, chosen: list[Perturbation]) -> Tensor:
    """One-hot tangents in input space, one a perturbation."""
    x = getattr(view, FIELD[kind])
    seeds = x.new_zeros(len(chosen), *x.shape[1:])
    flat = seeds.view(len(chosen), x.shape[1], -1)
    for i, m in enumerate(chosen):
        flat[i, m.instance, m.axis] = 1
    return seeds


def _index(state: Any, at: Tensor) -> Any:
    return tuple(t[at] for t in state)
