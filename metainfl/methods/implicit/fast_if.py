"""FastIF (Guo et al. 2021; 003, section 5.1.1.3): scores of the nearest neighbours of each target only.

    nearest[t]     the `neighbours` data whose features are nearest to the target's (Euclidean)
    value[j, t]    - D L_t . H^{-1} d(grad F)/d pi,   pi the j-th nearest of t
Estimand: d L_t/d pi for those that were kept; of the others nothing is said, and no zero stands for them.
With all data as neighbours, and the same solver, these are `metainfl.scores`. Sign: negative = the data
helped; scale: that of d L_t/d weight. Cost: one solve a target by `solver` (the paper: LiSSA with a small
batch and depth; take `metainfl.solve.lissa_choice.lissa_for`), then `neighbours` gradients instead of n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor

from metainfl.derive.contract import contract
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How, examined, finite, solved_at_minimum
from metainfl.methods.implicit.relatif import slopes
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_targets
from metainfl.problem.steady import steadily
from metainfl.problem.weights import check


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Scores (neighbours, targets), and which data they are of (neighbours, targets), nearest first."""

    value: Tensor
    nearest: Tensor
    residual: float


@steadily
def fast_if(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    features: Tensor,
    target_features: Tensor,
    neighbours: int,
    **how: Unpack[How],
) -> Neighbours:
    """Scores of each target's neighbours; features (n, d) in the order of the perturbations, (targets, d).

    Equal distances keep the order of the data. `residual` is the solver's.
    """
    check(problem.tasks, perturbations)
    targets = require_targets(problem, targets)
    n, m = len(perturbations), targets.n_tasks
    if not 1 <= neighbours <= n:
        raise InvalidOption(f"1 to {n} neighbours can be kept, got {neighbours}")
    for name, rows, given in (
        ("features", n, features),
        ("target_features", m, target_features),
    ):
        if given.ndim != 2 or len(given) != rows or not torch.isfinite(given).all():
            raise InvalidOption(f"{name} must be finite and ({rows}, d), got {tuple(given.shape)}")
    if features.shape[1] != target_features.shape[1]:
        raise InvalidOption(
            f"features have {features.shape[1]} entries, those of targets {target_features.shape[1]}"
        )
    found = examined(problem, perturbations, targets, **how)
    # not cdist: its matrix form puts equal distances apart by rounding
    gaps = (features[None] - target_features[:, None]).square().sum(2)
    nearest = gaps.argsort(dim=1, stable=True)[:, :neighbours].T
    solved = solved_at_minimum(problem, found, slopes(problem, targets).T, **how)
    value = solved.solution.new_empty(neighbours, m)
    for t in range(m):
        kept = [perturbations[int(i)] for i in nearest[:, t]]
        column = -contract(problem, solved.solution[:, t : t + 1], kept)
        value[:, t] = finite(column, kept, "score")[:, 0]
    return Neighbours(value, nearest, solved.residual)
