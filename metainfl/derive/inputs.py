"""Derivatives of D L_k in inputs: d/dx_kj[a] along inputs, or along parameters where those are fewer.

Each pass goes through the whole task, whose instances may hang together: one an input that is asked about, or
one a parameter, which gives all inputs of the task at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.plan import IN_FLIGHT
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack
from metainfl.operations.forward import jvp
from metainfl.problem import Perturbation, TaskView
from metainfl.problem.weights import FIELD

Mixed = Callable[[Tensor, TaskView, Any], Tensor]  # d(D L)/d field of one task along a seed (p,)


def shifted(
    problem: Problem,
    kind: str,
    stack: Stack,
    chosen: Sequence[Perturbation],
    local: Tensor,
    mixed: Mixed,
) -> Tensor:
    """D(D L)/dx (n, p) of the chosen shifts; `local` (n,) is the place of each one's task in the stack."""
    counts = torch.bincount(local, minlength=len(stack.w))
    many = counts > problem.n_meta
    out = stack.w.new_zeros(len(chosen), problem.n_meta)
    few = (~many[local]).nonzero()[:, 0]
    size = stack.view[_place(kind)][0].numel()
    width = min(problem.plan.width(1), max(1, IN_FLIGHT // (8 * size * out.element_size())))
    for rows in few.split(width) if len(few) else ():
        places = local[rows]
        view = TaskView(*(t[places] for t in stack.view))
        seeds = _unit_inputs(view, kind, [chosen[i] for i in rows.tolist()])
        out[rows] = vmap(mixed)(seeds, view, tuple(s[places] for s in stack.state))
    for a in many.nonzero()[:, 0].tolist():
        rows = (local == a).nonzero()[:, 0]
        own = [chosen[i] for i in rows.tolist()]
        out[rows] = _by_parameters(problem, kind, stack, a, own, width)
    return out


def _by_parameters(
    problem: Problem, kind: str, stack: Stack, a: int, chosen: Sequence[Perturbation], width: int
) -> Tensor:
    """The same (n, p) of one task's shifts: its inputs' slopes along each parameter."""
    lam = problem.lam
    view, state = TaskView(*(t[a] for t in stack.view)), tuple(s[a] for s in stack.state)
    value = view[_place(kind)]
    at = torch.tensor([(m.instance, m.axis) for m in chosen], device=lam.device)

    def loss(at: Tensor, x: Tensor) -> Tensor:
        return problem.task_loss(at, view._replace(**{FIELD[kind]: x}), state)

    def along(v: Tensor) -> Tensor:
        if problem.plan.mode == "reverse":
            found = grad(lambda x: (grad(loss)(lam, x) * v).sum())(value)
        else:
            found = jvp(lambda here: grad(loss, argnums=1)(here, value), (lam,), (v,))[1]
        return found.flatten(1)[at[:, 0], at[:, 1]]

    eye = torch.eye(len(lam), dtype=lam.dtype, device=lam.device)
    return torch.cat([vmap(along)(part) for part in eye.split(width)]).T


def _place(kind: str) -> int:
    """Where a view holds the inputs of this kind."""
    return TaskView._fields.index(FIELD[kind])


def _unit_inputs(view: TaskView, kind: str, chosen: Sequence[Perturbation]) -> Tensor:
    """One-hot tangents in input space, one a perturbation."""
    x = view[_place(kind)]
    seeds = x.new_zeros(x.shape)  # contiguous, whatever the layout of the images
    flat = seeds.view(len(chosen), x.shape[1], -1)
    for i, m in enumerate(chosen):
        flat[i, m.instance, m.axis] = 1
    return seeds
