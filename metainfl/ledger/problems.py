"""The problems of the ledger: the reference's families at sizes where removals mean something."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.cases import digits_case
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.conditioned import conditioned
from metainfl_reference.generators import CLASSIFICATION, build, classification, regression
from metainfl_reference.wide import EPS

Array = np.ndarray
TASKS = 16


@lru_cache(maxsize=16)
def case_of(family: str, seed: int = 0, tasks: int = TASKS, **options: float) -> Case:
    """A family with `tasks` tasks; sizes of the data by `shots`, `queries`, `d`, `noise`, ..."""
    if family == "digits":
        return digits_case(components=8, seed=seed)
    maker = classification if family in CLASSIFICATION else regression
    names = maker.__kwdefaults__ or {}
    data = {k: options.pop(k) for k in list(options) if k in names}
    episodes = maker(seed, tasks=tasks, **data)  # type: ignore[arg-type]
    return Case(f"{family}[{seed}], {tasks} tasks", build(family, episodes, **options), "")


@lru_cache(maxsize=16)
def conditioned_case(seed: int, inner: float, total: float) -> Case:
    """Proximal ridge with these condition numbers."""
    return Case("conditioned ridge", conditioned(seed, inner=inner, total=total, tasks=8), "")


def asked(case: Case, kind: str, limit: int) -> list[Perturbation]:
    """At most `limit` perturbations of the kind, spread evenly."""
    return case.perturbations([kind], limit)


def removals(case: Case, pis: list[Perturbation]) -> tuple[list[int], Array]:
    """Which removals stay on the branch of lam*, and -(shift) of those (n, p): what influence predicts."""
    shifts = [case.removal_shift(p) for p in pis]
    kept = [i for i, s in enumerate(shifts) if s is not None]
    rows = [-s for s in shifts if s is not None]
    return kept, np.stack(rows) if rows else np.zeros((0, case.family.n_meta))


def true_scores(case: Case, shifts: Array) -> Array:
    """Loss of each target after the removal minus before (n, targets)."""
    lam, f = case.solution.lam, case.family
    before = np.array([f.target_loss(t, lam).real for t in case.targets])
    after = [[f.target_loss(t, lam - s).real for t in case.targets] for s in shifts]
    return np.array(after).reshape(len(shifts), len(before)) - before


def tiny(case: Case) -> float:
    """Relative differences below this are rounding."""
    return max(case.tolerance(), EPS)
