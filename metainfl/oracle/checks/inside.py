"""A law of what is inside: an inner loss c times as large has the same adapted parameters.

With support weights and the inner regulariser times c, and rates over c, every inner step, minimum, head and
prototype is what it was, and so is F. Powers of two change no digit: what differs is a threshold on inner
gradients, or a floor, that is no ratio. Derivatives in support weights are divided by c; they are asked of a
small c alone, since a step of one's own in a weight is meant for weights about 1.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import loose
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl_reference.episodes import Weights

FACTORS = (2.0**-16, 2.0**16)
SMALL = 2.0


@check("laws", "an inner loss c times as large, with rates over c, adapts to the same parameters")
def scaling_what_is_inside(ctx: Context) -> None:
    ctx.needs_derivative()
    cases = [(c, pis) for c, pis in ctx.usable(limit=3) if not c.family.name.startswith("single")]
    if not cases:
        raise Skipped("no family in the domain adapts")
    for case, pis in cases:
        supports = [p for p in pis if p.kind == "support"]
        if supports:
            c, other = SMALL, _scaled(case, SMALL)
            problem = other.problem().replaced(lam=torch.tensor(case.solution.lam))
            ctx.compare(case, supports, c * ctx.ask(case, supports, problem), ctx.ask(case, supports),
                        f"not 1/{c:g} times as large where supports weigh {c:g}",
                        allowed=loose(ctx, case), code=f"# {other.code}")  # fmt: skip
        own = [p for p in pis if p.kind not in ("group", "support")]
        if not own:
            continue
        before = ctx.ask(case, own)
        for c in FACTORS:
            other = _scaled(case, c)
            problem = other.problem().replaced(lam=torch.tensor(case.solution.lam))
            ctx.compare(case, own, ctx.ask(case, own, problem), before,
                        f"another answer where inner losses are {c:.2g} times as large",
                        allowed=loose(ctx, case), code=f"# {other.code}")  # fmt: skip


def _scaled(case: Case, c: float) -> Case:
    """The inner loss times c, and rates over c."""
    family, ones = copy.copy(case.family), Weights.ones(case.family.episodes)
    if hasattr(family, "d_in"):
        family.d_in = c * family.d_in
    if hasattr(family, "alpha"):
        family.alpha = family.alpha / c
    weights = replace(ones, support=c * ones.support)
    words = f"{case.code}, inner losses times {c:g}"
    return replace(case, family=family, weights=weights, code=words)
