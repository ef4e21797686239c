"""Contract: column j answers target j, whatever targets were asked about before, and beside it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.checks.rows import same_rows
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped


@check("contract", "column j answers target j, whatever the order, and by itself", EVERY)
def columns_follow_the_targets(ctx: Context) -> None:
    if not ctx.estimand.per_target:
        raise Skipped("no target tasks are asked about")
    case, pis = ctx.usable(limit=3)[0]
    n, problem = len(case.targets), case.problem()
    first = ctx.ask(case, pis, problem)
    whole = first.reshape(len(pis), n, -1)
    for order, words in (
        (list(reversed(range(n))), "reversing the targets did not reverse the columns"),
        ([n - 1], "the last target alone has another column"),
    ):
        got = ctx.ask(_of(case, order), pis, problem)
        want = whole[:, order].reshape(len(pis), -1)
        same_rows(ctx, case, got, want, words)


def _of(case: Case, order: Sequence[int]) -> Case:
    """The case with these of its targets, in this order."""
    other: Any = copy.copy(case)
    for name in ("known", "_truths", "_known_already"):
        other.__dict__.pop(name, None)
    other.__dict__["targets"] = [case.targets[i] for i in order]
    return other
