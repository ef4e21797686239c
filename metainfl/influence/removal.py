"""Removal edits: lam* without a datum or a group, and what becomes of adapted tasks afterwards.

first order    lam* + lam',              lam' = -sum_m w_m d lam*/d w_m over the members
second order   lam* + lam' + lam''/2     with the members' interaction
Newton         lam* - H_-^{-1} grad F_-(lam*),  F_- the objective without it (exact on quadratics)
exact          solve again
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.curvature import SymmetricOperator, exact
from metainfl.derive.cross import check, columns
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.influence import adapted
from metainfl.influence.implicit import apply_inverse, influence
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.solve import Dense, Solver

FIELD = {"task": "task_weight", "support": "support_weight", "query": "query_weight"}


def without(tasks: Tasks, p: Perturbation) -> Tasks:
    """The tasks with the weights that p names set to 0."""
    return scaled(tasks, p, 0.0)


def scaled(tasks: Tasks, p: Perturbation, factor: float) -> Tasks:
    """The tasks with the weights that p names multiplied by `factor`."""
    new = {kind: getattr(tasks, field).clone() for kind, field in FIELD.items()}
    for m in parts(p):
        if m.kind not in FIELD:
            raise InvalidProblem(f"{m} is an input shift; there is nothing to remove")
        new[m.kind][_place(m)] *= factor
    return tasks.reweighted(**new)


def weight(tasks: Tasks, m: Perturbation) -> float:
    """What the weight that m names is now."""
    if m.kind not in FIELD:
        raise InvalidProblem(f"{m} is an input shift; there is nothing to remove")
    return float(getattr(tasks, FIELD[m.kind])[_place(m)])


def _place(m: Perturbation) -> tuple[int, ...]:
    return (m.task,) if m.kind == "task" else (m.task, m.instance)


def first_order(
    problem: Problem, perturbations: Sequence[Perturbation], *, solver: Solver | None = None
) -> Tensor:
    """lam* minus the members' influences, each times its weight (n, p)."""
    return problem.lam + _slopes(problem, perturbations, solver)


def _slopes(
    problem: Problem, perturbations: Sequence[Perturbation], solver: Solver | None
) -> Tensor:
    """lam' (n, p): every member is solved for once."""
    check(problem, perturbations)
    members = sorted({m for p in perturbations for m in parts(p)})
    rows = influence(problem, members, solver=solver).value
    place = {m: i for i, m in enumerate(members)}
    mix = rows.new_zeros(len(perturbations), len(members))
    for i, p in enumerate(perturbations):
        for m in parts(p):
            mix[i, place[m]] = -weight(problem.tasks, m)
    return mix @ rows


def second_order(
    problem: Problem, perturbations: Sequence[Perturbation], *, solver: Solver | None = None
) -> Tensor:
    """The second-order Taylor estimate (n, p): H lam'' = -d2/ds2 [grad F](lam* + s lam', weights(s)).

    Its right-hand side is the derivative in s of exact first-order quantities, by fourth-order central
    differences: no third derivative of anything is formed. Four Hessian products a removal.
    """
    slopes = _slopes(problem, perturbations, solver)
    h = torch.finfo(problem.lam.dtype).eps ** 0.2
    rows = []
    for p, slope in zip(perturbations, slopes, strict=True):
        members = list(parts(p))
        w = torch.tensor([weight(problem.tasks, m) for m in members]).to(slope)

        def rate(
            s: float,
            p: Perturbation = p,
            slope: Tensor = slope,
            members: list[Perturbation] = members,
            w: Tensor = w,
        ) -> Tensor:
            there = problem.replaced(
                tasks=scaled(problem.tasks, p, 1 - s), lam=problem.lam + s * slope
            )
            return there.hessian_product(there.lam, slope) - w @ columns(there, members)

        near, far = rate(h) - rate(-h), rate(2 * h) - rate(-2 * h)
        rows.append((8 * near - far) / (12 * h))
    bend = -apply_inverse(problem, torch.stack(rows, dim=1), exact, solver, 0.0).solution.T
    return problem.lam + slopes + 0.5 * bend


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


def resolved(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """lam* without each (n, p), by solving again from lam*: the truth that the others estimate."""
    check(problem, perturbations)
    return torch.stack(
        [problem.replaced(tasks=without(problem.tasks, p)).solve() for p in perturbations]
    )


def readapted(problem: Problem, edits: Tensor, targets: Tasks) -> Tensor:
    """theta of each target re-adapted from each edited lam (n, p): (n, targets, q)."""
    return torch.stack([adapted.parameters(problem, targets, lam=lam) for lam in edits])


def target_losses(problem: Problem, edits: Tensor, targets: Tasks) -> Tensor:
    """Loss of each re-adapted target after each edit, minus its loss at lam* (n, targets).

    Positive = the removed data helped: the score of a removal, without linearisation of the target.
    """
    before = problem.losses(problem.lam, targets)
    return torch.stack([problem.losses(lam, targets) - before for lam in edits])
