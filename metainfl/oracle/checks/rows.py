"""Contract: row i answers perturbation i, whatever else is asked with it."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped


@check("contract", "row i answers perturbation i, whatever the order", EVERY)
def rows_follow_the_order_asked(ctx: Context) -> None:
    case, pis = ctx.usable(limit=4)[0]
    if len(pis) < 2:
        raise Skipped("one perturbation has no order")
    turned = list(reversed(pis))
    here, there = ctx.ask(case, pis), ctx.ask(case, turned)[::-1]
    _same(ctx, case, here, there, "reversing the perturbations did not reverse the rows")


@check("contract", "an answer does not depend on what else is asked with it", EVERY)
def rows_do_not_mix(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    whole = ctx.ask(case, pis)
    for i in {0, len(pis) - 1}:
        _same(ctx, case, ctx.ask(case, [pis[i]]), whole[i : i + 1], f"{pis[i]} alone differs")
    twice = ctx.ask(case, [pis[0], pis[0]])
    _same(ctx, case, twice, np.stack([whole[0], whole[0]]), "the same perturbation twice differs")


@check("contract", "more perturbations than parameters are no problem", EVERY)
def more_perturbations_than_parameters(ctx: Context) -> None:
    case, _ = ctx.usable()[0]
    pis = [p for p in case.perturbations(ctx.claim.kinds) if ctx._known(case, p)]
    while len(pis) <= case.family.n_meta:
        pis = pis + pis
    got = ctx.ask(case, pis)
    if ctx.claim.accuracy != "rank":
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong with more perturbations than parameters",
                    allowed=either(ctx, case, pis))  # fmt: skip
        square = pis[: case.family.n_meta]  # its transpose has the same shape
        ctx.compare(case, square, ctx.ask(case, square), ctx.truth(case, square), "wrong with as many",
                    allowed=either(ctx, case, square))  # fmt: skip


def _same(ctx: Context, case: Case, got: np.ndarray, want: np.ndarray, words: str) -> None:
    """Both are the method's own answers: they agree to the claim's tolerance (for ranks, to 1e-6)."""
    allowed = 1e-6 if ctx.claim.accuracy == "rank" else 2 * ctx.tolerance(case)[0]
    gap = distance(got, want).relative
    if gap > allowed:
        raise Failed(words, where=case.name, error=gap, tolerance=allowed)
