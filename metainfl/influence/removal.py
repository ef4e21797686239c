"""Removal edits (001, section 5.2): lam* without a datum or a group, and adapted tasks afterwards.

first order    lam* + lam',              lam' = -sum_m w_m d lam*/d w_m over the members
second order   lam* + lam' + lam''/2     with the members' interaction
Newton         lam* - H_-^{-1} grad F_-(lam*),  F_- the objective without it (exact on quadratics)
exact          solve again, following the minimiser
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import torch
from torch import Tensor

from metainfl.curvature import exact
from metainfl.derive.cross import columns
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.derive.rows_apart import require_rows_apart
from metainfl.errors import MetainflError
from metainfl.influence import adapted
from metainfl.influence.continuation import removed
from metainfl.influence.how import How, apply_inverse, examined
from metainfl.influence.implicit import influence
from metainfl.influence.options import damping_of, operator_of, solver_of
from metainfl.influence.own_parts import solved
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_problem, require_targets, rows
from metainfl.problem.perturbation import parts
from metainfl.problem.stacked import placing
from metainfl.problem.steady import steadily
from metainfl.problem.suited import require_suited
from metainfl.problem.weights import removable, scaled, weight, without
from metainfl.solve.operator import SymmetricOperator

AT_ONCE = 256  # removals whose tasks are looked at together


@steadily
def first_order(
    problem: Problem, perturbations: Sequence[Perturbation], **how: Unpack[How]
) -> Tensor:
    """lam* minus the members' influences, each times its weight (n, p)."""
    slopes = _slopes(problem, perturbations, how)
    return problem.lam + slopes


def _slopes(problem: Problem, perturbations: Sequence[Perturbation], how: How) -> Tensor:
    """lam' (n, p): every member is solved for once."""
    require_problem(problem)
    removable(problem.tasks, perturbations)
    _require_left_out(problem, perturbations)
    members = sorted({m for p in perturbations for m in parts(p)})
    each = influence(problem, members, **how).value
    place = {m: i for i, m in enumerate(members)}
    mix = each.new_zeros(len(perturbations), len(members))
    for i, p in enumerate(perturbations):
        for m in parts(p):
            mix[i, place[m]] = -weight(problem.tasks, m)
    return mix @ each


def _require_left_out(problem: Problem, perturbations: Sequence[Perturbation]) -> None:
    """`InvalidProblem` where an instance of weight 0 would still count among the others of its task."""
    some = [p for p in perturbations if any(m.kind != "task" for m in parts(p))]
    for start in range(0, len(some), AT_ONCE):
        own = some[start : start + AT_ONCE]
        places = dict.fromkeys((i, m.task) for i, p in enumerate(own) for m in parts(p))
        row = {place: n for n, place in enumerate(places)}
        out = [replace(m, task=row[i, m.task]) for i, p in enumerate(own) for m in parts(p)]
        touched = problem.tasks.select([k for _, k in row]).scaled(out, 0.0)
        try:
            require_suited(problem.setting, problem.adaptation, touched)
        except MetainflError:
            for p in own:  # says it again, with the tasks by their names
                require_suited(problem.setting, problem.adaptation, without(problem.tasks, p))
            raise
    for _, batch in problem.tasks.groups()[: len(some)]:
        require_rows_apart(problem, problem.lam, batch.view())


@steadily
def second_order(
    problem: Problem, perturbations: Sequence[Perturbation], **how: Unpack[How]
) -> Tensor:
    """The second-order Taylor estimate (n, p): H lam'' = -d2/ds2 [grad F](lam* + s lam', weights(s)).

    Its right-hand side is the derivative in s of exact first-order quantities, by fourth-order central
    differences: no third derivative of anything is formed. Four Hessian products a removal.
    """
    slopes = _slopes(problem, perturbations, how)
    h = torch.finfo(problem.lam.dtype).eps ** 0.2
    bends = []
    for p, slope in zip(perturbations, slopes, strict=True):
        members = list(parts(p))
        w = slope.new_tensor([weight(problem.tasks, m) for m in members])

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
        bends.append((8 * near - far) / (12 * h))
    bend = -apply_inverse(problem, torch.stack(bends, dim=1), **how).solution.T
    return problem.lam + slopes + 0.5 * bend


@steadily
def newton(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    **how: Unpack[How],
) -> Tensor:
    """One Newton step on each removed objective (n, p), with the curvature of that objective.

    H is made once; each removal replaces the Hessians of the tasks that it touches, so the cost is
    one dense solve and a few task Hessians a removal, not a pass over all tasks. Another `curvature` is
    made anew for each removed objective.
    """
    slope = examined(problem, perturbations, **how).gradient
    lam, own = problem.lam, how.get("curvature", exact) is exact
    curvature = problem.hessian(lam) if own else None
    moved = []
    for p in perturbations:
        touched, rest = sorted({m.task for m in parts(p)}), without(problem.tasks, p)
        before = problem.replaced(tasks=problem.tasks.select(touched), outer_reg=0.0)
        after = problem.replaced(tasks=rest.select(touched), outer_reg=0.0)
        g = slope - before.gradient(lam) + after.gradient(lam)
        if curvature is None:
            operator = operator_of(problem.replaced(tasks=rest), how)
        else:
            h = curvature - before.hessian(lam) + after.hessian(lam)
            exact_ = SymmetricOperator(len(h), h.__matmul__, lam, h, flat=problem.tangent())
            operator = exact_.damped(damping_of(how))
        moved.append(lam - solved(solver_of(operator, how), operator, g[:, None]).solution[:, 0])
    return torch.stack(moved)


@steadily
def resolved(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """lam* without each (n, p), by solving again from lam*: the truth that the others estimate.

    The minimiser is followed as the weights go to 0 (`continuation`); `BranchLost` where it folds.
    """
    examined(problem, perturbations)
    return torch.stack([removed(problem, p) for p in perturbations])


@steadily
def readapted(problem: Problem, edits: Tensor, targets: Tasks) -> Tensor:
    """theta of each target re-adapted from each edited lam (n, p): (n, targets, q)."""
    targets, edits = require_targets(problem, targets), rows(edits, problem.lam, "edits")
    if not len(edits):  # as many numbers a target as theta has
        return adapted.parameters(problem, targets)[None][:0]
    found = []
    for lam in edits:
        with placing(problem, targets, "target", lam):
            found.append(adapted.parameters(problem, targets, lam=lam))
    return torch.stack(found)


@steadily
def target_losses(problem: Problem, edits: Tensor, targets: Tasks) -> Tensor:
    """Loss of each re-adapted target after each edit, minus its loss at lam* (n, targets).

    Positive = the removed data helped: the score of a removal, without linearisation of the target.
    """
    targets, edits = require_targets(problem, targets), rows(edits, problem.lam, "edits")
    with placing(problem, targets, "target"):
        preflight(problem, targets, "target")
        before = problem.losses(problem.lam, targets)
    found = []
    for lam in edits:
        with placing(problem, targets, "target", lam):
            found.append(problem.losses(lam, targets) - before)
    return torch.stack(found) if found else before[None][:0]
