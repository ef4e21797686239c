"""Right-hand sides of the implicit function theorem: d(grad F)/d pi for any list of perturbations.

    task            D L_k
    query instance  w_k d(D L_k)/dv_kj      = w_k D l(z_kj; theta_k(lam))       (001, Thm 4.5, total)
    support         w_k d(D L_k)/du_kj      = - w_k D P(lam; z_kj)              (001, Prop. 4.8)
                    P = -(dL_k/dtheta) . inner-IF, the change of L_k         (001, Thm 4.7)
    input shift     w_k d(D L_k)/dx_kj[a]                                     (004, eq. 2.2)
    group           the sum of its members                                   (002, eqs 8-9)

`columns` differentiates the task gradient in the weights, all instances of a task at once. Its adjoint,
which is what scores need, stands in `contract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.beside_lam import require_followed
from metainfl.derive.inputs import shifted
from metainfl.derive.left_out import require_left_out
from metainfl.derive.loop import into
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack
from metainfl.operations.forward import jvp
from metainfl.problem import Perturbation, TaskView
from metainfl.problem.perturbation import parts
from metainfl.problem.weights import FIELD, check


def columns(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """d(grad F)/d pi, one row a perturbation (n, p)."""
    check(problem.tasks, perturbations)
    out = problem.lam.new_zeros(len(perturbations), problem.n_meta)
    for kind in ("task", *FIELD):
        rows = [(i, m) for i, p in enumerate(perturbations) for m in parts(p) if m.kind == kind]
        if not rows:
            continue
        where = torch.tensor([i for i, _ in rows], device=out.device)
        out.index_add_(0, where, _members(problem, kind, [m for _, m in rows]))
    return out


def _members(problem: Problem, kind: str, members: list[Perturbation]) -> Tensor:
    """Rows (n, p) for members of one kind, a stack of the tasks that they name at a time."""
    lam = problem.lam
    used = sorted({m.task for m in members})
    place = {k: a for a, k in enumerate(used)}
    every = used == list(range(problem.tasks.n_tasks))
    tasks = problem.tasks if every else problem.tasks.select(used)  # whole: its state is kept
    row = torch.tensor([place[m.task] for m in members], device=lam.device)
    if kind == "task":
        return problem.task_gradients(lam, tasks)[row]
    plan = problem.settled(lam)
    mixed = _mixed(problem, kind, lam)

    def add(stack: Stack, out: Tensor) -> None:
        here, local = (row[:, None] == stack.places).nonzero(as_tuple=True)
        if len(here) == 0:
            return
        require_left_out(problem, lam, stack.view, [FIELD[kind]])
        places = torch.tensor([used[k] for k in stack.places.tolist()], device=stack.places.device)
        require_followed(problem, lam, stack._replace(places=places), [FIELD[kind]])
        chosen, w = [members[i] for i in here.tolist()], stack.w[local, None]
        if kind.endswith("input"):
            out[here] = w * shifted(problem, kind, stack, chosen, local, mixed)
            return
        n = getattr(stack.view, FIELD[kind]).shape[1]
        seeds = torch.eye(n, dtype=lam.dtype, device=lam.device)
        tasks_of = vmap(mixed, in_dims=(None, 0, 0))
        width = plan.width(len(stack.w))
        of_seeds = vmap(tasks_of, in_dims=(0, None, None), chunk_size=width)
        jac = of_seeds(seeds, stack.view, stack.state)
        at = torch.tensor([m.instance for m in chosen], device=lam.device)
        out[here] = w * jac[at, local]

    start = lam.new_zeros(len(members), problem.n_meta)
    return into(problem, lam, start, add, tasks, size=plan.chunk, of=(members,))


def _mixed(problem: Problem, kind: str, lam: Tensor) -> Any:
    """d(D L)/d field along a seed, of one task, in whichever order is faster."""
    slope = grad(problem.task_loss)
    reverse = problem.plan.mode == "reverse"

    def mixed(seed: Tensor, view: TaskView, state: Any) -> Tensor:
        value = getattr(view, FIELD[kind])

        def along(at: Tensor) -> Tensor:
            def loss(x: Tensor) -> Tensor:
                return problem.task_loss(at, view._replace(**{FIELD[kind]: x}), state)

            return (grad(loss)(value) * seed).sum()

        def moved(x: Tensor) -> Tensor:
            return slope(lam, view._replace(**{FIELD[kind]: x}), state)

        return grad(along)(lam) if reverse else jvp(moved, (value,), (seed,))[1]

    return mixed
