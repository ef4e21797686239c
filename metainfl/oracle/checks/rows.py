"""Contract: row i answers perturbation i, whatever else is asked with it."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import Perturbation

LONG, SLOW = 1031, 5.0  # rows; seconds that they may take


@check("contract", "row i answers perturbation i, whatever the order", EVERY)
def rows_follow_the_order_asked(ctx: Context) -> None:
    case, pis = ctx.usable(limit=4)[0]
    if len(pis) < 2:
        raise Skipped("one perturbation has no order")
    turned = list(reversed(pis))
    here, there = ctx.ask(case, pis), ctx.ask(case, turned)[::-1]
    same_rows(ctx, case, here, there, "reversing the perturbations did not reverse the rows")


@check("contract", "an answer does not depend on what else is asked with it", EVERY)
def rows_do_not_mix(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    whole = ctx.ask(case, pis)
    # of one kind alone, for which a method may have a path of its own
    kinds = list(dict.fromkeys(p.kind for p in pis))
    for kind in kinds if len(kinds) > 1 else ():
        rows = [i for i, p in enumerate(pis) if p.kind == kind]
        own = ctx.ask(case, [pis[i] for i in rows])
        same_rows(ctx, case, own, whole[rows], f"{kind} perturbations by themselves differ")
    for i in {0, len(pis) - 1}:
        same_rows(ctx, case, ctx.ask(case, [pis[i]]), whole[i : i + 1], f"{pis[i]} alone differs")
    order = [0, len(pis) - 1, 0, 0]
    again = ctx.ask(case, [pis[i] for i in order])
    same_rows(
        ctx,
        case,
        again,
        whole[order],
        "the same perturbation once more, later in the list, differs",
    )


@check("contract", "more perturbations than parameters are no problem", EVERY)
def more_perturbations_than_parameters(ctx: Context) -> None:
    case, _ = ctx.usable()[0]
    pis = [p for p in case.perturbations(ctx.claim.kinds) if ctx.known(case, p)]
    while len(pis) <= case.family.n_meta:
        pis = pis + pis
    got = ctx.ask(case, pis)
    if ctx.claim.accuracy != "rank":
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong with more perturbations than parameters",
                    allowed=either(ctx, case, pis))  # fmt: skip
        # its transpose has the same shape
        square = pis[: len(case.targets) if ctx.estimand.per_target else case.family.n_meta]
        ctx.compare(case, square, ctx.ask(case, square), ctx.truth(case, square), "wrong with as many",
                    allowed=either(ctx, case, square))  # fmt: skip
        if ctx.estimand.linear:
            _a_long_list(ctx, case, pis)


def _a_long_list(ctx: Context, case: Case, pis: list[Perturbation]) -> None:
    """More rows than anyone stops after, at one length that no batch divides; not of what is slow a row."""
    seconds = ctx.raw(case, pis, case.problem()).seconds
    if seconds / len(pis) * LONG > SLOW:
        return
    turns = np.arange(LONG) % len(pis)
    many, want = [pis[i] for i in turns], ctx.truth(case, pis)[turns]
    ctx.compare(case, many, ctx.ask(case, many), want, f"wrong with {LONG} perturbations at once",
                allowed=either(ctx, case, pis))  # fmt: skip


def same_rows(ctx: Context, case: Case, got: np.ndarray, want: np.ndarray, words: str) -> None:
    """Both are the method's own answers: they agree to the claim's tolerance; ranks, in their order."""
    if ctx.claim.accuracy == "rank":
        _same_order(ctx, case, got, want, words)
        return
    allowed = 2 * ctx.tolerance(case)[0]
    gap = distance(got, want).relative
    if gap > allowed:
        raise Failed(words, where=case.name, error=gap, tolerance=allowed)


def _same_order(ctx: Context, case: Case, got: np.ndarray, want: np.ndarray, words: str) -> None:
    """The same order of rows, and the same ties: a rank may be a number that counts what else is asked.

    Rows are ordered by score, target by target, or by length; what differs by less than 1e-6 is a tie.
    """
    orders = []
    for rows in (got, want):
        values = rows if ctx.estimand.per_target else np.linalg.norm(rows, axis=1, keepdims=True)
        gaps = values[:, None] - values
        orders.append(np.sign(gaps) * (np.abs(gaps) > 1e-6 * np.abs(values).max()))
    apart = int((np.abs(orders[0] - orders[1]) > 0).sum())
    if apart:
        raise Failed(f"{words}: {apart // 2} pairs are in another order", where=case.name)
