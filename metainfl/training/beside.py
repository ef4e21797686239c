"""Removals done for real beside what the derivative predicts of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe
from metainfl.numbers import seed as checked_seed
from metainfl.numbers import whole
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import removable, weight
from metainfl.training.adjoint import Sensitivities
from metainfl.training.scores import Reruns


def removed(
    tasks: Tasks,
    perturbations: Sequence[Perturbation],
    reruns: int | Sequence[Perturbation],
    seed: int,
) -> Sequence[Perturbation] | None:
    """The removals that are done: those given, or that many of the perturbations, drawn by `seed`.

    None where none are asked for; what cannot be removed is refused, drawn or not.
    """
    if not isinstance(reruns, int | Integral):
        removable(tasks, reruns)
        return reruns
    reruns = whole(reruns, "reruns", 0, error=InvalidRecipe)
    if not reruns:
        return None
    removable(tasks, perturbations)
    draw = torch.Generator().manual_seed(checked_seed(seed))
    order = torch.randperm(len(perturbations), generator=draw, device="cpu")[:reruns]
    return [perturbations[i] for i in order.tolist()]


def reruns(
    end: Problem,
    found: Sensitivities,
    removed: Sequence[Perturbation],
    lams: Tensor,
    targets: Tasks,
) -> Reruns:
    """Predicted and true changes of the targets' losses: `end` is where the run ended, `lams` (k, p) where
    it ends without each of `removed`.
    """
    rows = []
    for p in removed:
        members = list(parts(p))
        w = end.lam.new_tensor([weight(end.tasks, m) for m in members])
        rows.append(-w @ found.along(members))
    targets = targets.to(end.lam.device, end.lam.dtype)
    before = end.losses(end.lam, targets)
    true = torch.stack([end.losses(lam, targets) - before for lam in lams])
    return Reruns(tuple(removed), torch.stack(rows), true)
