"""Truth: the answer against exact ones, in two independent ways."""

from __future__ import annotations

import numpy as np
import torch

from metainfl.methods.claim import Claim
from metainfl.oracle.bridge import problem_of
from metainfl.oracle.case import Case
from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.gathered import beside, gathered
from metainfl.oracle.measure import spearman
from metainfl.oracle.outcome import Failed, Skipped
from metainfl_reference.conditioned import conditioned
from metainfl_reference.families import FAMILIES

TOGETHER = ""  # all kinds of perturbation in one order


@check("truth", "equals the claimed estimand, exactly known, on every family in the domain", EVERY)
def agrees_with_the_truth(ctx: Context) -> None:
    if ctx.claim.accuracy == "rank":
        raise Skipped("a rank claim makes no statement about values")
    seen = gathered(ctx)
    for e in seen:
        if e.wrong:
            factor = ctx.factor(e.case)
            ctx.compare(e.case, e.pis, factor * e.got, factor * e.want,
                        f"not {ctx.estimand.words} ({e.kind})", diagnosis=ctx.diagnosis(seen),
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
            moves = [case.move(p, eps) for eps in steps]
            if any(m is None for m in moves):
                continue
            gaps = [float(np.abs(m - e * slope).max()) for m, e in zip(moves, steps, strict=True)]
            size = float(np.abs(moves[-1]).max())  # type: ignore[arg-type]
            if gaps[-1] <= 1e-7 * size + 1e-13:
                continue  # nothing moves, or the remainder is rounding: no order to see
            order = float(np.log2(gaps[0] / gaps[1]))
            if order < 1.5:
                raise Failed(
                    f"the remainder falls as eps^{order:.2f}, not eps^2: the first-order term is wrong",
                    where=f"{case.name}, {p}",
                    error=gaps[-1] / max(size, 1e-300),
                )


@check("truth", "ranks data as the truth does, with its sign, with confidence and not by a bare threshold",
       EVERY)  # fmt: skip
def ranks_removals(ctx: Context) -> None:
    if ctx.claim.accuracy != "rank":
        raise Skipped("no rank claim")
    found: dict[str, list[float]] = {}
    names = ctx.families[: 2 if ctx.quick else 4]
    for name in names:
        for seed in range(4 if ctx.quick else 8):
            case = type(ctx)(
                ctx.method, _only(ctx, name), quick=True, seed=ctx.seed + 50 + seed
            ).case
            for of, values in ranks(ctx, case).items():
                found.setdefault(of, []).extend(values)
    if len(found.get(TOGETHER, [])) < 3:
        raise Skipped("too few removals in the domain to rank")
    what = "its own truth" if ctx.estimand.per_target else "exact removal"
    for of, values in found.items():
        if len(values) < 3:
            continue
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / np.sqrt(len(values))
        # one-sided, about 99 per cent at these sizes; a kind alone fails where it surely ranks nothing
        side, limit = (
            ("lower", mean - 2.5 * spread) if of == TOGETHER else ("upper", mean + 2.5 * spread)
        )
        if limit <= 0.2:
            raise Failed(
                f"mean rank correlation with {what} {mean:.2f} +- {spread:.2f} over {len(values)} "
                f"problems{of}: its {side} confidence limit does not exceed 0.2",
                error=1 - mean,
                tolerance=0.8,
            )


@check(
    "truth", "holds on every family as inner and total Hessian become ill-conditioned (1e1 to 1e6)"
)
def conditioning_sweep(ctx: Context) -> None:
    if ctx.claim.accuracy == "rank":
        raise Skipped("a rank claim makes no statement about values")
    if ctx.estimand.cheap:
        asked = ctx.space("stiff")[: 3 if ctx.quick else None]
        seen = [e for case, pis in asked for e in beside(ctx, case, pis)]
        bad = next((e for e in seen if e.wrong), None)
        if bad is not None:
            plain, factor = gathered(ctx), ctx.factor(bad.case)
            plain_right = not any(e.wrong for e in plain)
            ctx.compare(bad.case, bad.pis, factor * bad.got, factor * bad.want,
                        "wrong where it is ill-conditioned",
                        allowed=ctx.measured_tolerance(bad.case, bad.pis),
                        diagnosis=ctx.diagnosis([*plain, *seen]) if plain_right else "")  # fmt: skip
    if "proximal_ridge" not in ctx.families:
        return
    pairs = ((1e4, 1e4),) if ctx.quick else ((1e1, 1e6), (1e6, 1e1), (1e3, 1e3), (1e5, 1e5))
    for inner, total in pairs:
        family = conditioned(ctx.seed, inner=inner, total=total)
        code = f"# metainfl_reference.generators.conditioned({ctx.seed}, inner={inner:g}, total={total:g})"
        case = Case(f"proximal_ridge, cond {inner:.0e} inner, {total:.0e} total", family, code)
        pis = [p for p in ctx.perturbations(case) if ctx._known(case, p)]
        if not pis:
            return
        got = ctx.ask(case, pis)
        # Measured on these problems, errors follow eps (inner + total); 1e3 covers p and the rest.
        rounding = 1e3 * 2.2e-16 * (inner + total) + 1e-11
        claimed = ctx.claim.accuracy if isinstance(ctx.claim.accuracy, float) else 0.0
        allowed = max(rounding, claimed)
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


def ranks(ctx: Context, case: Case) -> dict[str, list[float]]:
    """Rank correlations of the answers on one case, of all kinds together and of each by itself: of scores
    with the claimed estimand, target by target and with its sign; of the lengths of vectors with those of
    exact removals, 0 where they point away.
    """
    chosen = {TOGETHER: case.perturbations(ctx.claim.kinds, 12)}
    if len(ctx.claim.kinds) > 1:
        chosen |= {f", {kind} alone": case.perturbations([kind], 12) for kind in ctx.claim.kinds}
    every = list(dict.fromkeys(p for own in chosen.values() for p in own))
    every = [p for p in every if not p.kind.endswith("input") and ctx._known(case, p)]
    if not ctx.estimand.per_target:
        shifts = {p: case.removal_shift(p) for p in every}
        every = [p for p in every if shifts[p] is not None]
    if not every:
        return {}
    got, want = ctx.ask(case, every), ctx.truth(case, every)
    out = {}
    for of, own in chosen.items():
        at = [every.index(p) for p in own if p in every]
        if len(at) < 4:
            continue
        if ctx.estimand.per_target:
            found = [spearman(g, w) for g, w in zip(got[at].T, want[at].T, strict=True)]
        else:
            sizes = np.array([np.linalg.norm(shifts[every[i]]) for i in at])  # type: ignore[arg-type]
            along = float(np.sum(got[at] * want[at])) if got.shape == want.shape else 1.0
            lengths = np.linalg.norm(got[at], axis=1)
            found = [spearman(lengths, sizes) if along > 0 else 0.0]
        out[of] = [0.0 if np.isnan(r) else r for r in found]
    return out


def _only(ctx: Context, name: str) -> Claim:
    from dataclasses import replace

    return replace(ctx.claim, families=(name,))
