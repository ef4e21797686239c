"""theta-RelatIF (Barshan et al. 2020; 003, eq. 66): influence on a target per unit that lam* moves.

    value[pi, t] = D L_t . d lam*/d pi / |d lam*/d pi|
The denominator is eq. 66's |H^{-1} grad l_i|. Estimand: the slope of the target's loss along the direction
in which the datum moves lam*, so |value| <= |D L_t|; the scale of a datum's loss or weight drops out. Sign:
negative = the data helped (eq. 66 prints minus this, and 1/n). Unit: loss per length of lam. Cost: one
solve a perturbation, where plain scores take one a target. A datum that does not move lam* has no
direction: `InvalidOption`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How
from metainfl.influence.implicit import influence
from metainfl.methods.claim import claims
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_targets


@claims(estimand="relative_score")
def relatif(
    problem: Problem, perturbations: Sequence[Perturbation], targets: Tasks, **how: Unpack[How]
) -> Tensor:
    """Slopes (n, targets); `how` is described in `metainfl.influence.how`."""
    targets = require_targets(problem, targets)
    preflight(problem, targets, "target")
    rows = influence(problem, perturbations, **how).value
    return units(rows, perturbations, "does not move lam*") @ slopes(problem, targets).T


def units(rows: Tensor, perturbations: Sequence[Perturbation], what: str) -> Tensor:
    """Rows (n, p) of length 1; the first that is zero, or rounding beside the largest, is named."""
    size = rows.norm(dim=1, keepdim=True)
    live = size > 8 * torch.finfo(rows.dtype).eps * size.max()
    if not live.all():
        p = perturbations[int((~live[:, 0]).nonzero()[0])]
        raise InvalidOption(
            f"{p} {what}, so there is no direction to normalise: leave it out, or ask metainfl.scores"
        )
    return rows / size


def slopes(problem: Problem, targets: Tasks) -> Tensor:
    """D L_t at problem.lam (targets, p)."""
    return problem.task_gradients(problem.lam, targets)
