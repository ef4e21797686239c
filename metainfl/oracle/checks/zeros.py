"""Laws of zeros: a regulariser of 0 is no regulariser left out, and a side of weight 0 no task left out."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import LINEAR, either, with_direct
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import Perturbation, parts, task
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem, NotCertified

#: families whose F is strictly convex without outer_reg, where there are as many queries as features
STRICT = ("single_ridge", "proximal_ridge", "maml_linear")


@check("laws", "an outer_reg of 0 is no regulariser, not one that was left out")
def no_regulariser_is_none(ctx: Context) -> None:
    ctx.needs_values()
    asked = False
    for base, pis in ctx.usable(limit=2)[: None if ctx.estimand.cheap else 1]:
        if base.family.name not in STRICT:
            continue
        family = copy.copy(base.family)
        family.d_out = 0.0
        case = replace(base, name=f"{base.name}, outer_reg 0", family=family)
        try:
            pis = [p for p in pis if ctx.known(case, p)]
            if not pis:
                continue
            want, allowed = ctx.truth(case, pis), either(ctx, case, pis)
        except (InvalidProblem, NotCertified):
            continue
        asked = True
        ctx.compare(case, pis, ctx.ask(case, pis), want, "wrong where outer_reg is 0", allowed=allowed,
                    code=f"# {case.code} with outer_reg 0")  # fmt: skip
    if not asked:
        raise Skipped(f"needs one of {', '.join(STRICT)} with a minimum where outer_reg is 0")


@check("laws", "a task whose queries all have weight 0, or whose supports have, is a task still")
def empty_sides_are_nothing(ctx: Context) -> None:
    ctx.needs_values()
    asked, refused = False, ""
    for base, pis in ctx.usable(limit=3)[: None if ctx.estimand.cheap else 1]:
        if base.family.name not in LINEAR:
            continue
        case = base.once("empty sides", partial(_empty, base))
        w = case.solution.weights
        kept = [p for p in pis if all(_counts(w, m) for m in parts(p))]
        kept += [task(k) for k in (1, 2) if "task" in ctx.claim.kinds and task(k) not in kept]
        kept = [p for p in kept if ctx.known(case, p)]
        if not kept:
            continue
        try:
            got = ctx.ask(case, kept, case.problem())
        except Failed as error:
            if not error.message.startswith("raised"):
                raise
            refused = error.message  # which is no wrong answer
            continue
        asked = True
        ctx.compare(case, kept, got, ctx.truth(case, kept), "wrong where a side of a task has no weight",
                    allowed=either(ctx, case, kept), code=f"# {case.name}")  # fmt: skip
    if not asked:
        raise Skipped(
            f"refuses them: {refused}" if refused else f"needs one of {', '.join(LINEAR)}"
        )


def _empty(case: Case) -> Case:
    """Task 1 without supports, task 2 without queries, of which `direct` is left where there may be one."""
    w = Weights.ones(case.family.episodes)
    w.support[1] = 0.0
    w.query[2] = 0.0
    name = f"{case.name}, no support in task 1, no query in task 2"
    return replace(with_direct(case), name=name, weights=w)


def _counts(w: Weights, m: Perturbation) -> bool:
    """Whether the datum has a weight of its own."""
    side = m.kind.removesuffix("_input")
    return side == "task" or bool(getattr(w, side)[m.task, m.instance] != 0)
