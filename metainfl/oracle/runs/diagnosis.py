"""The one known slip that gives all of a wrong method's answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.runs.backwards import backwards, seeds_of
from metainfl.oracle.runs.slips import SLIPS, Slip
from metainfl.problem.perturbation import Perturbation
from metainfl.training.run import Run


def diagnose(seen: Sequence[Evidence], per_target: bool) -> str:
    """Words for the one slip that gives every answer, wrong ones on two cases at least."""
    wrong = [e for e in seen if e.wrong]
    if not wrong:
        return ""
    if all(not np.linalg.norm(e.got) for e in wrong):
        return "identically zero"
    found = []
    if len({e.case.name for e in wrong}) > 1:
        for slip in SLIPS.values():
            sign = _explains(seen, slip, per_target)
            if sign:
                found.append(("" if sign > 0 else "the sign is the other one, and ") + slip.words)
    if not found and all(e.equals(-e.want) for e in wrong):
        found = ["the sign is the other one"]
    if len(found) == 1:
        return found[0]
    if found:
        return f"no known variant alone: these answers fit each of {'; '.join(found[:3])}"
    right = {e.case.name for e in seen} - {e.case.name for e in wrong}
    where = f"; right on {', '.join(sorted(right)[:3])}" if right else ""
    return f"no known variant{where}"


def _explains(seen: Sequence[Evidence], slip: Slip, per_target: bool) -> int:
    """1 or -1 where the slip, or minus it, is every answer; 0 where it is not."""
    signs = {1, -1}
    cases = {e.case.name: e.case for e in [*(e for e in seen if e.wrong), *seen]}
    # short ones first: a slip falls at the first answer that it does not give
    for name, case in sorted(cases.items(), key=lambda item: item[1].recipe.steps):  # type: ignore[attr-defined]
        own = [e for e in seen if e.case.name == name]
        pis = tuple(p for e in own for p in e.pis)
        every = case.once(
            ("slip", slip, pis, per_target), partial(_slipped, case, pis, slip, per_target)
        )
        first = 0
        for e in own:
            rows = every[first : first + len(e.pis)]
            first += len(e.pis)
            for sign in sorted(signs):
                if e.wrong:
                    fits = e.equals(sign * rows)
                else:
                    fits = np.linalg.norm(sign * rows - e.want) <= 1e-6 * np.linalg.norm(e.want)
                if not fits:
                    signs.discard(sign)
            if not signs:
                return 0
    return signs.pop() if len(signs) == 1 else 0


def _slipped(case: Case, pis: Sequence[Perturbation], slip: Slip, per_target: bool) -> np.ndarray:
    """The answers with the slip (n, ...)."""
    run: Run = case.problem()  # type: ignore[assignment]
    targets = case.target_tasks(run) if per_target else None  # type: ignore[arg-type]
    return np.asarray(backwards(run, pis, seeds_of(run, targets, slip), slip))
