"""How likely each task is to be drawn for a Hessian of some tasks (001, Algorithms 1 and 2, line 2).

    uniform       p_i = 1/n over the n tasks that have weight
    difficulty    p_i proportional to w_i L_O^i(lam)
    uncertainty   p_i proportional to w_i h_i,   h_i = sum_j v_ij H[softmax y_ij] / sum_j v_ij
y_ij are the adapted outputs on the query inputs and H is the entropy in nats. The paper names the three and
prints no formula. The weights are in p, so that a task of weight 2 is drawn as often as two of weight 1.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from metainfl.derive.finite import finite_rows
from metainfl.derive.loop import each
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import TaskView

By = Literal["uniform", "difficulty", "uncertainty"]
BY = ("uniform", "difficulty", "uncertainty")


def chances(problem: Problem, by: By) -> Tensor:
    """p (T,) at problem.lam, in float64 on the CPU; 0 where a task has no weight. Sums to 1.

    Raises `InvalidProblem` where losses are negative, where no task has weight, loss or entropy, and for
    entropies without a cross-entropy.
    """
    w = problem.tasks.w.double().cpu()
    if by == "uniform":
        size = (w > 0).double()
    elif by == "difficulty":
        size = w * _losses(problem)
    else:
        size = w * entropies(problem).double().cpu()
    if not size.any():
        of = {"uniform": "weight", "difficulty": "query loss", "uncertainty": "entropy"}[by]
        raise InvalidProblem(
            f"no task can be drawn by {by}: the {of} of every task is 0"
            + ("" if by == "uniform" else '; take by="uniform"')
        )
    share = size / size.max()  # the sum of large numbers may be none
    return share / share.sum()


def entropies(problem: Problem) -> Tensor:
    """Mean entropy of the adapted predictions on each task's query inputs (T,), in nats: 0 to log classes.

    Instances count by their weight; 0 where none has any.
    """
    if problem.outer_loss is not cross_entropy:
        raise InvalidProblem(
            'uncertainty needs class probabilities, an outer loss of cross_entropy: take by="difficulty" '
            'or by="uniform"'
        )
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        p = torch.softmax(problem.outputs(lam, lam, task, state), dim=1)
        mass = task.query_weight.sum()
        mean = task.query_weight @ torch.special.entr(p).sum(1) / mass.where(mass > 0, 1.0)
        return mean.where(mass > 0, 0.0)

    return finite_rows(problem, lam, each(problem, lam, one, size=problem.plan.chunk), "entropy")


def _losses(problem: Problem) -> Tensor:
    """L_O of each task (T,), none negative."""
    found = problem.losses(problem.lam).double().cpu()
    if bool((found < 0).any()):
        k = int((found < 0).nonzero()[0])
        raise InvalidProblem(
            f"difficulty needs query losses that are not negative; that of task {k} is "
            f'{float(found[k]):.3g}: take by="uniform"'
        )
    return found
