"""Removals done for real beside what the derivative predicts of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import weight
from metainfl.training.adjoint import Sensitivities
from metainfl.training.scores import Reruns

if TYPE_CHECKING:
    from metainfl.training.run import Run


def reruns(
    run: Run,
    found: Sensitivities,
    removed: Sequence[Perturbation],
    targets: Tasks,
    jobs: int,
    progress: bool,
) -> Reruns:
    """Predicted and true changes of the targets' losses for some removals."""
    end = run.problem()
    rows = []
    for p in removed:
        members = list(parts(p))
        w = end.lam.new_tensor([weight(end.tasks, m) for m in members])
        rows.append(-w @ found.along(members))
    targets = targets.to(end.lam.device, end.lam.dtype)
    before = end.losses(end.lam, targets)
    lams = run.replay_many(removed, jobs=jobs, progress=progress)
    true = torch.stack([end.losses(lam, targets) - before for lam in lams])
    return Reruns(tuple(removed), torch.stack(rows), true)
