"""KFSVD (004, section 4, Algorithm 2): FI with the mixed derivative of each datum cut to k singular values.

    d_x d_theta L = U_k S_k V_k' (m x d, by SVD);   d lam/d omega = -C^{-1} U_k S_k V_k'
C is the K-FAC of the Hessian in the paper: `curvature=metainfl.curvature.kfac`, where layers are Kronecker
products; without it the exact Hessian. Estimand: FI (`influence_measure`), equal to it at k = min(m, d) and
the exact Hessian. Sign and scale: FI's. Storage a datum: (m + d + 1) k numbers for m d.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Unpack

import torch
from torch import Tensor

from metainfl.derive.cross import columns
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How, examined, solved_at_minimum
from metainfl.methods.implicit.influence_measure import RCOND, measured
from metainfl.problem.asked import require_targets
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.steady import steadily
from metainfl.problem.tasks import Tasks


def kfsvd(
    problem: Problem,
    instances: Sequence[Perturbation],
    targets: Tasks,
    *,
    rank: int,
    rcond: float = RCOND,
    **how: Unpack[How],
) -> Tensor:
    """FI (n, m) of query instances on target tasks, from `rank` singular values a datum.

    `how` as in `influence`; errors are those of `influence_measure`, and `InvalidOption` for a rank below 1.
    """
    if rank < 1:
        raise InvalidOption(f"rank must be at least 1, got {rank}")
    targets = require_targets(problem, targets)
    preflight(problem, targets, "target")
    slopes = problem.task_gradients(problem.lam, targets)
    return measured(problem, instances, slopes, rcond, how, partial(truncated, rank=rank))


@steadily
def truncated(
    problem: Problem, moves: Sequence[Perturbation], widths: Sequence[int], how: How, *, rank: int
) -> Sequence[Tensor]:
    """D lam/d omega (d, m) of each datum, its mixed derivative cut."""
    found = examined(problem, moves, **how)
    left, right = [], []
    for own in columns(problem, moves).split(list(widths)):  # (d, m) of each datum
        v, s, u = torch.linalg.svd(own, full_matrices=False)
        left.append(v[:, :rank] * s[:rank])
        right.append(u[:rank])
    solved = solved_at_minimum(problem, found, torch.cat(right).T, **how).solution.T
    pieces = solved.split([len(u) for u in right])
    return [-v @ x for v, x in zip(left, pieces, strict=True)]
