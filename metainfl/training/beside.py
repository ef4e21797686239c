"""Removals done for real beside what the derivative predicts of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import weight
from metainfl.training.adjoint import Sensitivities
from metainfl.training.scores import Reruns


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
