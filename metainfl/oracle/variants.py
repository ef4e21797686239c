"""Named wrong variants: what an answer may look like when it is not the truth.

Each is (case, perturbations) -> (n, p) or None where it does not apply. They are computed from the
reference, and named in the words that the diagnosis prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metainfl.oracle.bridge import all_to_truth, to_truth
from metainfl.oracle.case import Case
from metainfl.problem.perturbation import Perturbation, parts
from metainfl_reference.errata import paper_001, paper_002
from metainfl_reference.estimands import direct
from metainfl_reference.families.proximal_ridge import RidgeLocal
from metainfl_reference.local import ReducedLocal

Array = np.ndarray
Variant = Callable[[Case, Sequence[Perturbation]], Array | None]
VARIANTS: dict[str, Variant] = {}


def variant(words: str) -> Callable[[Variant], Variant]:
    """Register a variant under the words that describe it."""

    def add(f: Variant) -> Variant:
        VARIANTS[words] = f
        return f

    return add


def rhs(case: Case, pis: Sequence[Perturbation]) -> Array:
    """d(grad F)/d pi (p, n)."""
    return case.cross_derivatives(pis)


def solve(case: Case, hessian: Array, right: Array) -> Array:
    """-H^{-1} rhs off the symmetry, as rows; least squares where H is singular."""
    off = case.family.tangent(case.solution.lam)
    rest = np.linalg.qr(off, mode="complete")[0][:, off.shape[1] :]
    inner = rest.T @ hessian @ rest
    try:
        return -(rest @ np.linalg.solve(inner, rest.T @ right)).T
    except np.linalg.LinAlgError:
        return -(rest @ np.linalg.lstsq(inner, rest.T @ right, rcond=None)[0]).T


def _with(case: Case, pis: Sequence[Perturbation], hessian: Array) -> Array:
    return solve(case, hessian, rhs(case, pis))


def _eye(case: Case) -> Array:
    return np.eye(case.family.n_meta)


def _locals(case: Case) -> list[object]:
    f, s = case.family, case.solution
    return [f.task(k, s.lam, s.weights) for k in range(f.episodes.n_tasks)]


@variant("Direct-IF (001, eqs 6-7): adaptation ignored in gradient and curvature")
def _direct(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if any(m.kind != "task" for p in pis for m in parts(p)):
        return None
    return direct.influence(case.family, all_to_truth(pis), case.solution).value


@variant("partial gradient on the right-hand side (adaptation ignored there), total Hessian")
def _partial_rhs(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if any(m.kind != "task" for p in pis for m in parts(p)):
        return None
    locals_ = _locals(case)
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
    h = case.family.d_out * _eye(case)
    for w, t in zip(case.solution.weights.task, _locals(case), strict=True):
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
    h = case.family.d_out * _eye(case)
    for w, t in zip(case.solution.weights.task, _locals(case), strict=True):
        if not isinstance(t, ReducedLocal):
            return None
        b = t.blocks()
        flat = t.curved(np.zeros(len(b.q_z)))
        j = b.jacobian
        h = h + w * (flat.ll + flat.lz @ j + (flat.lz @ j).T + j.T @ flat.zz @ j)
    return _with(case, pis, h)


@variant("inner inverse held while P of 001, Prop. 4.8 is differentiated (two-stage, frozen)")
def _frozen_in_p(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    columns = []
    locals_ = _locals(case)
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
    locals_ = _locals(case)
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


@variant("Gamma in place of the total Hessian (001, Thm 5.1): a scaled gradient")
def _gamma(case: Case, pis: Sequence[Perturbation]) -> Array:
    return paper_001.thm_5_1_as_printed(case.family, all_to_truth(pis), case.solution)


@variant("Gauss-Newton curvature (002, eq. 11) in place of the total Hessian")
def _gauss_newton(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if case.family.name not in ("proximal_softmax", "maml_softmax"):
        return None
    h = paper_002.gauss_newton(case.family, case.solution)
    return _with(case, pis, h + case.family.d_out * _eye(case))


@variant("empirical Fisher (sum of squared task gradients) in place of the total Hessian")
def _fisher(case: Case, pis: Sequence[Perturbation]) -> Array:
    h = case.family.d_out * _eye(case)
    for w, t in zip(case.solution.weights.task, _locals(case), strict=True):
        g = t.gradient()  # type: ignore[attr-defined]
        h = h + w * np.outer(g, g)
    return _with(case, pis, h)


@variant("the diagonal of the Hessian in place of the Hessian")
def _diagonal(case: Case, pis: Sequence[Perturbation]) -> Array:
    return _with(case, pis, np.diag(np.diag(case.solution.hessian)))


def _per_batch(size: int) -> Variant:
    def of(case: Case, pis: Sequence[Perturbation]) -> Array | None:
        locals_, s, d = _locals(case), case.solution, case.family.d_out
        out = np.zeros((len(pis), case.family.n_meta))
        for start in range(0, len(locals_), size):
            batch = range(start, min(start + size, len(locals_)))
            h = sum(s.weights.task[k] * locals_[k].hessian() for k in batch)  # type: ignore[attr-defined]
            out += _with(case, pis, h + d * _eye(case))
        return out

    return of


for _size in (1, 2, 3, 4):
    VARIANTS[f"sum of per-batch inverses (batches of {_size})"] = _per_batch(_size)


@variant("the Hessian without the task's own part: a Newton removal, not a derivative")
def _leave_own(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    try:
        return case.solution.lam - case.truth("newton", pis)
    except ArithmeticError:
        return None


@variant("exact removal (lam* minus lam* without the datum), not a derivative")
def _removal(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    shifts = [case.removal_shift(p) if not _is_shift(p) else None for p in pis]
    return None if any(s is None for s in shifts) else -np.stack(shifts)  # type: ignore[arg-type]


@variant("the edited parameters lam* - influence, not the influence")
def _edited(case: Case, pis: Sequence[Perturbation]) -> Array:
    return case.solution.lam - case.truth("derivative", pis)


@variant("parameters in transposed layout")
def _layout(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    e = case.family.episodes
    rank: int = getattr(case.family, "rank", 0)
    rows = rank or e.query_x.shape[2]
    truth = case.truth("derivative", pis)
    return truth.reshape(len(pis), rows, -1).swapaxes(1, 2).reshape(truth.shape)


def _is_shift(p: Perturbation) -> bool:
    return any(m.kind.endswith("input") for m in parts(p))
