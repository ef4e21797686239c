"""Where perturbations stand in arrays over tasks and instances, and arrays of their shape."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import torch
from torch import Tensor

from metainfl.derive.stacks import Stack
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import FIELD
from metainfl.training.joint import Variables


def variable(m: Perturbation) -> str:
    """The variable that a perturbation moves."""
    return "task_weight" if m.kind == "task" else FIELD[m.kind]


def needed(perturbations: Sequence[Perturbation]) -> tuple[str, ...]:
    """The variables that these perturbations move."""
    return tuple(sorted({variable(m) for p in perturbations for m in parts(p)}))


def zeros(tasks: Tasks, name: str, rows: int) -> Tensor:
    """(rows, T, ...) for one variable. Where tasks differ in size, as large as the largest in every axis;

    inputs of fewer axes than others have stand in the first ones.
    """
    like = tasks.w
    if name == "task_weight":
        return like.new_zeros(rows, tasks.n_tasks)
    shapes = [getattr(batch.view(), name).shape[1:] for _, batch in tasks.groups()]
    largest = [max(sizes) for sizes in zip_longest(*shapes, fillvalue=1)]
    return like.new_zeros(rows, tasks.n_tasks, *largest)


def add(out: Tensor, where: Tensor, found: Tensor) -> None:
    """Add (m, n, ...) to `out` at tasks `where`, which may repeat."""
    part = _of_size(out, 2, found.shape[2:])
    part.index_add_(1, where, found.reshape(*found.shape[:2], *part.shape[2:]))


def entry(values: Variables, m: Perturbation, tasks: Tasks) -> Tensor:
    """(rows,): one member's entry. An axis counts through its own task's inputs, not the largest ones."""
    found = values[variable(m)][:, m.task]
    if m.kind == "task":
        return found
    found = found[:, m.instance]
    if m.axis < 0:
        return found
    inputs = tasks.side(m.kind.split("_")[0], m.task)[0]
    return _of_size(found, 1, inputs.shape[1:]).reshape(len(found), -1)[:, m.axis]


def _of_size(padded: Tensor, first: int, shape: Sequence[int]) -> Tensor:
    """The part of this shape, from axis `first` on; of length 1 in the axes that it lacks."""
    for axis in range(first, padded.ndim):
        size = shape[axis - first] if axis - first < len(shape) else 1
        padded = padded.narrow(axis, 0, size)
    return padded


def directions(
    perturbations: Sequence[Perturbation], names: Sequence[str], stack: Stack, where: Tensor
) -> Variables:
    """One row a perturbation: the step of each variable of a stack whose tasks stand at `where`."""
    at: dict[int, list[int]] = {}
    for a, k in enumerate(where.tolist()):
        at.setdefault(k, []).append(a)
    out: Variables = {}
    for name in names:
        like = stack.w if name == "task_weight" else getattr(stack.view, name)
        out[name] = torch.zeros(
            len(perturbations), *like.shape, dtype=like.dtype, device=like.device
        )
    for row, p in enumerate(perturbations):
        for m in parts(p):
            for a in at.get(m.task, ()):
                target = out[variable(m)][row, a]
                if m.kind == "task":
                    out[variable(m)][row, a] += 1
                elif m.axis >= 0:
                    target[m.instance].view(-1)[m.axis] += 1
                else:
                    target[m.instance] += 1
    return out
