"""The errata of 004 on and off: FI by the formulas as printed, beside the corrected one.

    corrected     d theta/d omega = -H^-1 d_x d_theta L,   H of the sum over the training data
    eq. 2.2       the sign of d theta/d omega is plus
    eq. A.6       a second 1/n on it
    algorithms    2.2's sign in G, b without its 1/n: n^2 times eq. 2.2's FI-active (Algorithm 2, line 12),
                  |V|^2 times its FI-util (Algorithm 1, line 6, with 1/n for 1/|V|)
Within one training set the algorithms rank as eq. 2.2 does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.influence.how import How
from metainfl.methods.implicit.influence_measure import RCOND, influenced, measured
from metainfl.methods.implicit.predicted_slopes import predicted_slopes
from metainfl.problem.perturbation import Perturbation, query
from metainfl.problem.tasks import Tasks

FORMULAS = ("corrected", "eq. 2.2", "eq. A.6", "algorithms")
TRIM = 0.1


def turn_of(formula: str, n: int) -> Callable[..., Sequence[Tensor]]:
    """D lam/d omega by this formula, from n training data."""
    factor = {"corrected": 1.0, "eq. 2.2": -1.0, "eq. A.6": 1.0 / n, "algorithms": -1.0}[formula]

    def turned(
        problem: Problem, moves: Sequence[Perturbation], widths: Sequence[int], how: How
    ) -> Sequence[Tensor]:
        return [factor * found for found in influenced(problem, moves, widths, how)]

    return turned


def fi_util_by(formula: str, problem: Problem, valid: Tasks) -> Tensor:
    """FI-util (n,) of all training data on the mean loss of the validation data (one task)."""
    n, size = problem.tasks.query_x.shape[1], valid.query_x.shape[1]
    slopes = problem.task_gradients(problem.lam, valid).sum(0, keepdim=True) / size
    if formula == "algorithms":
        slopes = slopes * size
    every = [query(0, j) for j in range(n)]
    return measured(problem, every, slopes, RCOND, {}, turn_of(formula, n))[:, 0]


def fi_active_by(formula: str, problem: Problem, pool: Tasks) -> Tensor:
    """FI-active (m,) of the pool's data (one task), the mean of the middle 80 % over the labelled data."""
    n = problem.tasks.query_x.shape[1]
    slopes = predicted_slopes(problem, pool)[0] * (n if formula == "algorithms" else 1)
    every = [query(0, j) for j in range(n)]
    each = measured(problem, every, slopes, RCOND, {}, turn_of(formula, n)).sort(dim=0).values
    cut = int(TRIM * n)
    return each[cut : n - cut].mean(dim=0)


def shared(a: Tensor, b: Tensor, count: int) -> float:
    """The share of the `count` highest that two scores have in common."""
    first, second = (set(torch.argsort(v, descending=True)[:count].tolist()) for v in (a, b))
    return len(first & second) / count
