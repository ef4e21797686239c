"""Tasks with other weights, or a shifted input, as a replay or a rerun wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import torch

from metainfl.errors import InvalidProblem
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks


def multiplied(tasks: Tasks, weights: Mapping[Perturbation, float]) -> Tasks:
    """The weights that each perturbation names multiplied by its value; an input shift adds its value."""
    for p, value in weights.items():
        if p.axis >= 0:
            tasks = _shifted(tasks, p, value)
        else:
            tasks = tasks.scaled(parts(p), value)
    return tasks


def _shifted(tasks: Tasks, m: Perturbation, value: float) -> Tasks:
    """One feature of one instance moved by `value`."""
    if len(tasks.groups()) > 1:
        raise InvalidProblem(
            f"{m}: a replay cannot shift inputs of ragged tasks; shift them yourself"
        )
    own = {f.name: getattr(tasks, f.name) for f in fields(Tasks)}
    name = m.kind.split("_")[0] + "_x"
    own[name] = own[name].clone(memory_format=torch.contiguous_format)
    own[name][m.task, m.instance].view(-1)[m.axis] += value
    return Tasks(**own)
