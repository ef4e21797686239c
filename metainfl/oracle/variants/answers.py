"""Variants that answer another question: removal, edited parameters, another layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.variants.registry import Array, variant
from metainfl.problem.perturbation import Perturbation, parts


@variant("the Hessian without the task's own part: a Newton removal, not a derivative")
def _leave_own(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    try:
        return case.solution.lam - case.truth("newton", pis)
    except ArithmeticError:
        return None


@variant("exact removal (lam* minus lam* without the datum), not a derivative")
def _removal(case: Case, pis: Sequence[Perturbation]) -> Array | None:
    shifts = [case.removal_shift(p) if not _is_shift(p) else None for p in pis]
    known = [s for s in shifts if s is not None]
    return -np.stack(known) if len(known) == len(shifts) else None


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
