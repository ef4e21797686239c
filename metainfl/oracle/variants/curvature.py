"""Variants with another matrix in place of the total Hessian."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.bridge import all_to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.variants.parts import eye, local_tasks, solved
from metainfl.oracle.variants.registry import VARIANTS, Array, Variant, variant
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.errata import paper_001, paper_002


@variant("Gamma in place of the total Hessian (001, Thm 5.1): a scaled gradient")
def _gamma(case: Case, pis: Sequence[Perturbation]) -> Array:
    return paper_001.thm_5_1_as_printed(case.family, all_to_truth(pis), case.solution)


@variant("Gauss-Newton curvature (002, eq. 11) in place of the total Hessian")
def _gauss_newton(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    if case.family.name not in ("proximal_softmax", "maml_softmax"):
        return None
    h = paper_002.gauss_newton(case.family, case.solution)
    return solved(case, pis, h + case.family.d_out * eye(case))


@variant("empirical Fisher (sum of squared task gradients) in place of the total Hessian")
def _fisher(case: Case, pis: Sequence[Perturbation]) -> Array:
    h = case.family.d_out * eye(case)
    for w, t in zip(case.solution.weights.task, local_tasks(case), strict=True):
        g = t.gradient()  # type: ignore[attr-defined]
        h = h + w * np.outer(g, g)
    return solved(case, pis, h)


@variant("the diagonal of the Hessian in place of the Hessian")
def _diagonal(case: Case, pis: Sequence[Perturbation]) -> Array:
    return solved(case, pis, np.diag(np.diag(case.solution.hessian)))


def _per_batch(size: int) -> Variant:
    def of(case: Case, pis: Sequence[Perturbation]) -> Array | None:
        locals_, s, d = local_tasks(case), case.solution, case.family.d_out
        out = np.zeros((len(pis), case.family.n_meta))
        for start in range(0, len(locals_), size):
            batch = range(start, min(start + size, len(locals_)))
            h = sum(s.weights.task[k] * locals_[k].hessian() for k in batch)  # type: ignore[attr-defined]
            out += solved(case, pis, h + d * eye(case))
        return out

    return of


for _size in (1, 2, 3, 4):
    VARIANTS[f"sum of per-batch inverses (batches of {_size})"] = _per_batch(_size)
