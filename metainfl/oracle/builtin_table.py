"""The first table: each built-in method on each family, against T1 and T2.

T1 is the estimand that the method claims, T2 exact removal. A verdict is about the claim: `holds` or
`FAILS`. T1 and T2 errors against the exact derivative and exact removal are measurements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metainfl.errors import MetainflError
from metainfl.methods import BUILT_IN, Method
from metainfl.methods.claim import claim_of
from metainfl.oracle.case import Case
from metainfl.oracle.cases import digits_case, small_case
from metainfl.oracle.measure import distance, spearman
from metainfl.solve import CG
from metainfl_reference.families import FAMILIES

#: seconds for the removals of one row, where each needs a new solve
SOLVES = {
    "proximal_softmax": 3.0,
    "prototypes": 2.5,
    "maml_softmax": 1.3,
    "linear_representation": 0.9,
}


@dataclass(frozen=True)
class Row:
    """One line of the table. Errors are relative norms; nan where a measurement does not apply."""

    method: str
    family: str
    claim: str
    verdict: str
    claim_error: float
    tolerance: float
    t1_error: float
    t2_error: float
    t2_spearman: float
    perturbations: int
    seconds: float
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain data; nan becomes null."""
        return {
            k: (None if isinstance(v, float) and np.isnan(v) else v)
            for k, v in asdict(self).items()
        }


def cases(quick: bool) -> list[Case]:
    """Every small family, and the 252 digit tasks."""
    digits = digits_case(components=8 if quick else 32)
    return [*(small_case(name) for name in FAMILIES), digits]


def plan(quick: bool, methods: Sequence[Method] = BUILT_IN) -> list[tuple[Method, Case]]:
    """The pairs to run: a method meets the families that have the data it is written for."""
    pairs = []
    for case in cases(quick):
        for m in methods:
            if m.claim.kinds == ("support",) and case.family.name.startswith("single"):
                continue
            pairs.append((m, case))
    return pairs


def costs(quick: bool) -> list[float]:
    """Relative cost of the rows of `survey(quick)`, in their order: what progress counts by.

    Measured once, in seconds on one core; new solves without a datum are most of it.
    """
    return [_cost(quick, method.name, case.name) for method, case in plan(quick)]


def _cost(quick: bool, method: str, case: str) -> float:
    if case.startswith("digits"):
        return (
            0.2
            if quick
            else {"task-IF": 2.4, "task-IF, CG": 5.0, "Direct-IF": 0.1}.get(method, 1.6)
        )
    if quick or method in ("task-IF, CG", "Direct-IF"):
        return 0.05
    family = next((f for f in SOLVES if case.startswith(f)), "")
    return 0.05 + SOLVES.get(family, 0.0) / (4 if method == "task-IF" else 1)


def survey(
    quick: bool = False,
    methods: Sequence[Method] = BUILT_IN,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Iterator[Row]:
    """Rows one by one; `progress(done, total, what)` is called before each."""
    pairs = plan(quick, methods)
    for done, (method, case) in enumerate(pairs):
        progress(done, len(pairs), f"{method.name} on {case.name}")
        solved = not quick or case.family.quadratic
        yield judge(method, case, limit=4 if quick else 24, solve_removals=solved)
    progress(len(pairs), len(pairs), "done")


def judge(
    method: Callable[..., Any], case: Case, limit: int = 40, solve_removals: bool = True
) -> Row:
    """One method on one case, on at most `limit` instances; every task, unless each costs a solve.

    `solve_removals` False leaves T2 out: removal needs a new solve where F is not quadratic.
    """
    claim = claim_of(method)
    kinds = [k for k in claim.kinds if k != "group"]
    name = str(getattr(method, "name", None) or getattr(method, "__name__", method))
    every = "task" in kinds and not isinstance(getattr(method, "solver", None), CG)
    perturbations = case.perturbations(kinds, None if every else limit)
    truth = case.truth("derivative", perturbations)
    stated = truth
    if claim.estimand != "derivative":
        stated = case.truth(claim.estimand, perturbations)
    tolerance = claim.accuracy if isinstance(claim.accuracy, float) else case.tolerance()
    nan = float("nan")
    started = time.perf_counter()
    try:
        estimate = np.asarray(method(case.shared, perturbations))
    except MetainflError as error:
        row = (name, case.name, str(claim), "FAILS", nan, tolerance, nan, nan, nan)
        return Row(*row, len(perturbations), time.perf_counter() - started, str(error))
    seconds = time.perf_counter() - started
    off = distance(estimate, claim.factor(case.family.episodes.n_tasks) * stated).relative
    shifts = [case.removal_shift(p) for p in perturbations] if solve_removals else []
    kept = [i for i, s in enumerate(shifts) if s is not None]
    t2, rank, lost = nan, nan, len(shifts) - len(kept)
    if kept:
        actual = np.stack([s for s in shifts if s is not None])
        t2 = distance(-estimate[kept], actual).relative
        rank = spearman(np.linalg.norm(estimate[kept], axis=1), np.linalg.norm(actual, axis=1))
    return Row(
        name,
        case.name,
        str(claim),
        "holds" if off <= tolerance else "FAILS",
        off,
        tolerance,
        distance(estimate, truth).relative,
        t2,
        rank,
        len(perturbations),
        seconds,
        f"{lost} of {len(shifts)} removals leave the branch of lam*: no T2 there" if lost else "",
    )
