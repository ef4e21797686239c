"""Tasks with other weights, or a shifted input, as a replay or a rerun wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check
from metainfl.training.given import number


def reweighted(
    tasks: Tasks, weights: Mapping[Perturbation, float] | Tasks | None, like: Tensor
) -> Tasks:
    """What a replay is given as weights: by perturbation, see `multiplied`, or as tasks, moved to `like`."""
    if isinstance(weights, Tasks):
        return weights.to(like.device, like.dtype)
    if weights is not None and not isinstance(weights, Mapping):
        raise InvalidProblem(
            "weights are given by perturbation, run.replay({metainfl.task(0): 0.0}) say; got "
            + said(weights)
        )
    if weights:
        check(tasks, list(weights))
    return multiplied(tasks, weights or {})


def multiplied(tasks: Tasks, weights: Mapping[Perturbation, float]) -> Tasks:
    """The weights that each perturbation names multiplied by its value; an input shift adds its value."""
    for p, given in weights.items():
        value = number(given, f"the value of {p}")
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
