"""inner-IF (001, Theorem 4.6): influence of a support instance on its own task's theta, lam fixed.

    inner-IF(z_j) = -H_in^{-1} dl(z_j; theta_k)/dtheta = d theta_k/d u_j
One piece of support instance-IF, and no estimate of d lam*/d u_j: it has the shape of theta.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.influence.adapted import inner_influence
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.weights import check


def inner_if(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """d theta/d u of the task that each support instance belongs to (n, q).

    Raises `InvalidProblem` for what names no support instance, or one of weight 0.
    """
    check(problem.tasks, perturbations)
    for p in perturbations:
        if p.kind != "support":
            raise InvalidProblem(f"inner-IF is of support instances; {p} is not one")
    rows = {k: inner_influence(problem, k) for k in {p.task for p in perturbations}}
    return torch.stack([rows[p.task][p.instance] for p in perturbations])
