"""Variants that differentiate adaptation wrongly: ignored, frozen, or its gradient in another place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.bridge import all_to_truth, to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.variants.parts import eye, local_tasks, rhs, solve, solved
from metainfl.oracle.variants.registry import Array, variant
from metainfl.problem.perturbation import Perturbation, parts
from metainfl_reference.errata import paper_001
from metainfl_reference.estimands import direct
from metainfl_reference.families.proximal_ridge import RidgeLocal
from metainfl_reference.local import ReducedLocal


@variant("Direct-IF (001, eqs 6-7): adaptation ignored in gradient and curvature")
def _direct(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if any(m.kind != "task" for p in pis for m in parts(p)):
        return None
    return direct.influence(case.family, all_to_truth(pis), case.solution).value


@variant("partial gradient on the right-hand side (adaptation ignored there), total Hessian")
def _partial_rhs(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if any(m.kind != "task" for p in pis for m in parts(p)):
        return None
    locals_ = local_tasks(case)
    p_count = case.family.n_meta
    rows = []
    for p in pis:
        row = np.zeros(p_count)
        for m in parts(p):
            row += direct.partials(locals_[m.task], p_count)[0]  # type: ignore[arg-type]
        rows.append(row)
    return solve(case, case.solution.hessian, np.stack(rows, axis=1))


@variant("total gradient, but the direct Hessian of 001 eq. 7")
def _direct_hessian(case: Case, pis: Sequence[Perturbation]) -> Array:
    h = case.family.d_out * eye(case)
    for w, t in zip(case.solution.weights.task, local_tasks(case), strict=True):
        h = h + w * direct.partials(t, case.family.n_meta)[1]  # type: ignore[arg-type]
    return -np.linalg.solve(h, rhs(case, pis)).T


@variant("gradient in theta put where lam is (001, Thm 4.5 as printed)")
def _theta_gradient(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if not case.family.name.startswith(("proximal", "maml")):
        return None
    columns = []
    for p in pis:
        if p.kind == "query":
            columns.append(paper_001._partial(case.family, to_truth(p), case.solution))
        elif p.kind == "task":
            columns.append(_outer(case, p.task))
        else:
            return None
    return solve(case, case.solution.hessian, np.stack(columns, axis=1))


def _outer(case: Case, k: int) -> Array:
    g = paper_001.outer_gradient(case.family, k, case.solution)
    return g[-case.family.n_meta :]  # the last iterate of an unrolled learner


@variant("curvature without d2theta/dlam2 (the Hessian of L_O in theta pulled back by dtheta/dlam)")
def _no_bend(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    h = case.family.d_out * eye(case)
    for w, t in zip(case.solution.weights.task, local_tasks(case), strict=True):
        if not isinstance(t, ReducedLocal):
            return None
        b = t.blocks()
        flat = t.curved(np.zeros(len(b.q_z)))
        j = b.jacobian
        h = h + w * (flat.ll + flat.lz @ j + (flat.lz @ j).T + j.T @ flat.zz @ j)
    return solved(case, pis, h)


@variant("inner inverse held while P of 001, Prop. 4.8 is differentiated (two-stage, frozen)")
def _frozen_in_p(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    columns = []
    locals_ = local_tasks(case)
    for p in pis:
        t, w = locals_[p.task], case.solution.weights.task[p.task]
        if p.kind != "support" or not isinstance(t, ReducedLocal):
            return None  # for ridge H_in does not depend on theta: nothing is left out
        b = t.blocks()
        pi, plain = t.support_direction(b.multipliers), t.curved(np.zeros(len(b.q_z)))
        moved = -np.linalg.solve(b.g_z, pi.g[:, p.instance])
        column = pi.lag_l[:, p.instance] + b.jacobian.T @ pi.lag_z[:, p.instance]
        columns.append(w * (column + (plain.lz + b.jacobian.T @ plain.zz) @ moved))
    return solve(case, case.solution.hessian, np.stack(columns, axis=1))


@variant("frozen inner inverse: d2theta/(dlam du) is left out, dtheta/dlam held fixed")
def _frozen_inverse(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    columns = []
    locals_ = local_tasks(case)
    for p in pis:
        if p.kind != "support":
            return None
        t, w = locals_[p.task], case.solution.weights.task[p.task]
        if isinstance(t, RidgeLocal):
            moved = t.theta_by_support()[:, p.instance].reshape(t.d, t.c)
            m = t.rows.T @ t.curvature - t.e * np.eye(t.d)
            columns.append(w * (m @ moved).reshape(-1))
        elif isinstance(t, ReducedLocal):
            b = t.blocks()
            plain = t.curved(np.zeros(len(b.q_z)))
            moved = -np.linalg.solve(b.g_z, t.support_direction(b.multipliers).g[:, p.instance])
            columns.append(w * (plain.lz + b.jacobian.T @ plain.zz) @ moved)
        else:
            return None
    return solve(case, case.solution.hessian, np.stack(columns, axis=1))
