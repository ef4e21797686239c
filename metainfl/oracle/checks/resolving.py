"""A law of slopes: the derivative in a support weight, against solving again."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl_reference.wide import EPS


@check("laws", "support influence is the slope of re-solving with the support weight moved")
def support_against_resolving(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("support")
    for case in ctx.cases:
        pis = case.perturbations(["support"], 1 if ctx.quick else 2)
        if not pis:
            continue
        want = [case.slope_by_resolving(p) for p in pis]
        factor = ctx.claim.factor(case.family.episodes.n_tasks)
        # Solutions good to eps cond |lam|, divided by the smallest step (0.2 / 64): what differences
        # resolve of a row that is small beside lam itself.
        resolved = 320 * EPS * case.condition * float(np.linalg.norm(case.solution.lam))
        resolved /= max(float(np.abs(want).max()), 1e-300)
        allowed = max(1e-8, resolved, ctx.tolerance(case)[0])
        ctx.compare(case, pis, ctx.ask(case, pis), factor * np.stack(want), "not the slope of re-solving",
                    allowed=(allowed, "accuracy of the extrapolation"))  # fmt: skip
