"""A law of zeros: a regulariser of 0 is a number like any other, not one that was left out."""

from __future__ import annotations

import copy
from dataclasses import replace

from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl_reference.errors import InvalidProblem, NotCertified

#: families whose F is strictly convex without outer_reg, where there are as many queries as features
STRICT = ("single_ridge", "proximal_ridge", "maml_linear")


@check("laws", "an outer_reg of 0 is no regulariser, not one that was left out")
def no_regulariser_is_none(ctx: Context) -> None:
    ctx.needs_derivative()
    asked = False
    for base, pis in ctx.usable(limit=2):
        if base.family.name not in STRICT:
            continue
        family = copy.copy(base.family)
        family.d_out = 0.0
        case = replace(base, name=f"{base.name}, outer_reg 0", family=family)
        try:
            want, allowed = ctx.truth(case, pis), either(ctx, case, pis)
        except (InvalidProblem, NotCertified):
            continue
        asked = True
        ctx.compare(case, pis, ctx.ask(case, pis), want, "wrong where outer_reg is 0", allowed=allowed,
                    code=f"# {case.code} with outer_reg 0")  # fmt: skip
    if not asked:
        raise Skipped(f"needs one of {', '.join(STRICT)} with a minimum where outer_reg is 0")
