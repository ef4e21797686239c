"""Removal edits: lam* without a datum or a group, to first order or by one Newton step.

first order   lam* - d lam*/d pi
Newton        lam* - H_-^{-1} grad F_-(lam*),  F_- the objective without it (exact on quadratics)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.cross import check
from metainfl.curvature import SymmetricOperator
from metainfl.errors import InvalidProblem
from metainfl.influence import influence
from metainfl.problem import Problem
from metainfl.solve import Dense, Solver
from metainfl.tasks import Tasks
from metainfl_reference.perturbation import Perturbation, parts


def without(tasks: Tasks, p: Perturbation) -> Tasks:
    """The tasks with the weights that p names set to 0."""
    w, v = tasks.w.clone(), tasks.view()
    support, query = v.support_weight.clone(), v.query_weight.clone()
    for m in parts(p):
        if m.kind == "task":
            w[m.task] = 0
        elif m.kind == "support":
            support[m.task, m.instance] = 0
        elif m.kind == "query":
            query[m.task, m.instance] = 0
        else:
            raise InvalidProblem(f"{m} is an input shift; there is nothing to remove")
    return tasks.reweighted(task=w, support=support, query=query)


def first_order(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """lam* - influence for each removal (n, p). Weights are taken to be 1."""
    return problem.lam - influence(problem, perturbations).value


def newton(
    problem: Problem, perturbations: Sequence[Perturbation], *, solver: Solver | None = None
) -> Tensor:
    """One Newton step on each removed objective (n, p).

    H is made once; each removal replaces the Hessians of the tasks that it touches, so the cost is
    one dense solve and a few task Hessians a removal, not a pass over all tasks.
    """
    check(problem, perturbations)
    problem.check_stationary()
    solver = solver or Dense(off=problem.tangent())
    lam = problem.lam
    slope, curvature = problem.gradient(lam), problem.hessian(lam)
    rows = []
    for p in perturbations:
        touched = sorted({m.task for m in parts(p)})
        before = problem.replaced(tasks=problem.tasks.select(touched), outer_reg=0.0)
        after = problem.replaced(tasks=without(problem.tasks, p).select(touched), outer_reg=0.0)
        g = slope - before.gradient(lam) + after.gradient(lam)
        h = curvature - before.hessian(lam) + after.hessian(lam)
        operator = SymmetricOperator(len(h), h.__matmul__, lam, h)
        rows.append(lam - solver(operator, g[:, None]).solution[:, 0])
    return torch.stack(rows)
