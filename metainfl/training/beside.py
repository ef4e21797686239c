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
from metainfl.problem.undone import Undone, ended, parted
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


def changes(end: Problem, targets: Tasks, lams: Sequence[Tensor | Undone]) -> list[Tensor | Undone]:
    """What each of `lams` (p,) changes of the targets' losses (m,), against where the run ended."""
    before = end.losses(end.lam, targets)

    def change(lam: Tensor) -> Tensor:
        return end.losses(lam, targets) - before

    return [lam if isinstance(lam, Undone) else ended(change, lam) for lam in lams]


def reruns(
    found: Sensitivities,
    removed: Sequence[Perturbation],
    changes: Sequence[Tensor | Undone],
) -> tuple[Reruns | None, dict[str, str]]:
    """Predicted changes of the targets' losses beside the true `changes` by each of `removed`, None if none

    could be done; and of those that could not, why.
    """
    done, undone = parted(removed, changes)
    left = {str(p): why for p, why in undone.items()}
    if not done:
        return None, left
    rows = []
    for p in done:
        members = list(parts(p))
        w = found.start.new_tensor([weight(found.tasks, m) for m in members])
        rows.append(-w @ found.along(members))
    return Reruns(tuple(done), torch.stack(rows), torch.stack(list(done.values()))), left
