"""What the truth check looks at: a method's answers on the drawn cases, kind by kind, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.context import Context
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.space import FEW
from metainfl.problem.perturbation import Perturbation

PLAIN = ("wide", "narrow", "many", "least")  # the designs whose conditioning hides nothing


def gathered(ctx: Context) -> list[Evidence]:
    """The answers on the drawn cases beside the truth; a second seed where one case alone is wrong.

    What the method answered first of all comes in too where that was right, marked where it answers
    otherwise now: it denies a name that is no more than what the method does later. Asked once a context.
    """
    if ctx.gathered is None:
        ctx.gathered = _gathered(ctx)
    return ctx.gathered


def _gathered(ctx: Context) -> list[Evidence]:
    seen: list[Evidence] = []
    early = _first(ctx)
    for turn in (ctx, ctx.reseeded(ctx.seed + 1)):
        try:
            cases = turn.space(*PLAIN, *FEW)
        except Skipped:
            if not seen:
                raise
            return seen + early
        for case, pis in cases:
            try:
                got = turn.ask(case, pis) / ctx.factor(case)
            except Failed:
                if not any(e.wrong for e in seen):
                    raise
                continue  # that it raises elsewhere too is not what is told first
            seen += _compared(ctx, case, pis, got)
        if len({e.case.name for e in seen if e.wrong}) != 1:
            return seen + early  # all right, or enough to tell one variant from another
    return seen + early


def _first(ctx: Context) -> list[Evidence]:
    """What was answered first of all, where that was right."""
    if ctx.first is None:
        return []
    case, pis, rows = ctx.first
    if not all(ctx.known(case, p) for p in pis):
        return []
    found = _compared(ctx, case, pis, rows / ctx.factor(case))
    try:
        remembers = (
            distance(ctx.ask(case, pis), rows).relative > 1e-9
        )  # asked again, it says otherwise
    except Failed:
        remembers = True
    return [replace(e, first=remembers) for e in found if not e.wrong]


def beside(ctx: Context, case: Case, pis: Sequence[Perturbation]) -> list[Evidence]:
    """What the method answers here, beside the truth, kind by kind."""
    return _compared(ctx, case, pis, ctx.ask(case, pis) / ctx.factor(case))


def _compared(
    ctx: Context, case: Case, pis: Sequence[Perturbation], got: np.ndarray
) -> list[Evidence]:
    """An answer beside the truth, kind by kind."""
    seen = []
    truth = ctx.truth(case, pis) / ctx.factor(case)
    if ctx.estimand.linear:
        case.rounding(pis)  # measured for all kinds at once: each move of the data costs a Hessian
    for kind in ctx.claim.kinds:
        rows = [i for i, p in enumerate(pis) if p.kind == kind]
        if rows:
            own, want = tuple(pis[i] for i in rows), truth[rows]
            allowed = ctx.measured_tolerance(case, own)[0]
            wrong = not distance(got[rows], want).relative <= allowed
            exact = case.rounding(own) if ctx.estimand.linear else case.tolerance()
            seen.append(Evidence(case, kind, own, got[rows], want, wrong, exact))
    return seen
