"""Truth: the answer against exact ones, in two independent ways."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from metainfl.oracle.bridge import problem_of
from metainfl.oracle.case import Case
from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.gathered import beside, gathered
from metainfl.oracle.outcome import Failed, Skipped
from metainfl_reference.conditioned import conditioned
from metainfl_reference.families import FAMILIES


@check("truth", "equals the claimed estimand, exactly known, on every family in the domain", EVERY)
def agrees_with_the_truth(ctx: Context) -> None:
    ctx.needs_values()
    seen = gathered(ctx)
    for e in seen:
        if e.wrong:
            factor = ctx.factor(e.case)
            ctx.compare(e.case, e.pis, factor * e.got, factor * e.want,
                        f"not {ctx.estimand.words} ({e.kind})", diagnosis=partial(ctx.diagnosis, seen),
                        allowed=ctx.measured_tolerance(e.case, e.pis))  # fmt: skip


@check("truth", "the error of lam* + eps * influence falls as eps^2 (no tolerance of taste)")
def order_of_the_remainder(ctx: Context) -> None:
    ctx.needs_derivative()
    if isinstance(ctx.claim.accuracy, float):
        raise Skipped(
            "a claimed relative tolerance limits the order test; see agrees_with_the_truth"
        )
    steps = (
        2e-5,
        1e-5,
    )  # resolves first-order errors above about 1e-5; smaller ones are for T1 to see
    for case, pis in ctx.usable():
        slopes = ctx.ask(case, pis) / ctx.claim.factor(case.family.episodes.n_tasks)
        for i in sorted({*range(0, len(pis), 3), len(pis) - 1}):
            p, slope = pis[i], slopes[i]
            found = [case.move(p, eps) for eps in steps]
            moves = [m for m in found if m is not None]
            if len(moves) < len(found):
                continue
            gaps = [float(np.abs(m - e * slope).max()) for m, e in zip(moves, steps, strict=True)]
            size = float(np.abs(moves[-1]).max())
            if gaps[-1] <= 1e-7 * size + 1e-13:
                continue  # nothing moves, or the remainder is rounding: no order to see
            order = float(np.log2(gaps[0] / gaps[1]))
            if order < 1.5:
                raise Failed(
                    f"the remainder falls as eps^{order:.2f}, not eps^2: the first-order term is wrong",
                    where=f"{case.name}, {p}",
                    error=gaps[-1] / max(size, 1e-300),
                )


@check(
    "truth", "holds on every family as inner and total Hessian become ill-conditioned (1e1 to 1e6)"
)
def conditioning_sweep(ctx: Context) -> None:
    ctx.needs_values()
    if ctx.estimand.cheap:
        asked = ctx.space("stiff")[: 3 if ctx.quick else None]
        seen = [e for case, pis in asked for e in beside(ctx, case, pis)]
        bad = next((e for e in seen if e.wrong), None)
        if bad is not None:
            plain, factor = gathered(ctx), ctx.factor(bad.case)
            plain_wrong = any(e.wrong for e in plain)
            name = str if plain_wrong else partial(ctx.diagnosis, [*plain, *seen])
            ctx.compare(bad.case, bad.pis, factor * bad.got, factor * bad.want,
                        "wrong where it is ill-conditioned",
                        allowed=ctx.measured_tolerance(bad.case, bad.pis), diagnosis=name)  # fmt: skip
    if "proximal_ridge" not in ctx.families:
        return
    pairs = ((1e4, 1e4),) if ctx.quick else ((1e1, 1e6), (1e6, 1e1), (1e3, 1e3), (1e5, 1e5))
    for inner, total in pairs:
        family = conditioned(ctx.seed, inner=inner, total=total)
        code = f"# metainfl_reference.generators.conditioned({ctx.seed}, inner={inner:g}, total={total:g})"
        case = Case(f"proximal_ridge, cond {inner:.0e} inner, {total:.0e} total", family, code)
        pis = [p for p in ctx.perturbations(case) if ctx.known(case, p)]
        if not pis:
            return
        got = ctx.ask(case, pis)
        # Measured on these problems, errors follow eps (inner + total); 1e3 covers p and the rest.
        rounding = 1e3 * 2.2e-16 * (inner + total) + 1e-11
        claimed = ctx.claim.accuracy if isinstance(ctx.claim.accuracy, float) else 0.0
        allowed = max(rounding, min(claimed * case.stretch, 1.0))  # as of every case
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong where it is ill-conditioned",
                    allowed=(allowed, "1e3 eps (cond inner + cond total)"), code=code)  # fmt: skip


@check("truth", "an unrolled learner's answer tends to the implicit one as its steps grow")
def unrolled_tends_to_implicit(ctx: Context) -> None:
    ctx.needs_derivative()
    if "maml_linear" not in ctx.families or "proximal_ridge" not in ctx.families:
        raise Skipped("needs maml_linear and proximal_ridge in the domain")
    base = cached_case("proximal_ridge", ctx.seed).family
    top = max(np.linalg.norm(x, 2) ** 2 for x in base.episodes.support_x)
    d_in = 9.0 * float(top)  # gradient descent with rate 1/(top + d_in) contracts by 1/10 a step
    options = {"d_in": d_in, "d_out": base.d_out}
    implicit = Case(
        "proximal_ridge, stiff", FAMILIES["proximal_ridge"](base.episodes, **options), ""
    )
    steps = 17  # 10^-17 is below rounding: the two problems have the same solution to eps
    maml = FAMILIES["maml_linear"](base.episodes, **options, steps=steps, alpha=1 / (top + d_in))
    problem = problem_of(maml)
    problem.lam = torch.tensor(implicit.solution.lam)
    pis = ctx.perturbations(implicit, limit=2)
    ctx.compare(implicit, pis, ctx.ask(implicit, pis, problem), ctx.truth(implicit, pis),
                "many unrolled steps do not approach the argmin",
                code=f"# MAML with {steps} steps against proximal ridge, inner_reg {d_in:.3g}")  # fmt: skip
