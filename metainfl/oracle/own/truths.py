"""Values on one's own problem, by solving again and by the equation of the derivative."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.own.context import OwnContext
from metainfl.oracle.own.judging import NOISY, judge, solved
from metainfl.oracle.own.registry import check

SHARE = 0.25  # of the budget, for the equations of rows that are not solved again


@check("truth", "solves H x = -d grad F/d pi, both sides by differences of the gradient")
def solves_its_equation(ctx: OwnContext) -> None:
    if ctx.claim.estimand != "derivative":
        raise Skipped("an equation of derivatives alone")
    rows = torch.as_tensor(ctx.ask(ctx.pis)).to(ctx.problem.lam)
    seen, few = False, ctx.few
    for i in [*few, *(i for i in range(len(ctx.pis)) if i not in few)]:
        if i not in few and ctx.spent > SHARE:
            break  # those that are cheap alone: gradients are all that this takes
        if seen and not ctx.has_time:
            break  # judged by what there is
        ctx.in_time()
        x = ctx.again.off(rows[i])
        (b, one), (hx, other) = ctx.again.column(ctx.pis[i]), ctx.again.along(x)
        if one > NOISY * float(b.norm()):
            continue
        seen, left = True, ctx.again.off(hx + b)
        # d, the miss, leaves H d, and |H d| / |d| is at most |H (H d)| / |H d|: moments of H grow
        stretch = float(ctx.again.along(left)[0].norm()) / max(float(left.norm()), 1e-300)
        allowed = ctx.allowed(0.0)[0] * max(stretch * float(x.norm()), float(b.norm()))
        allowed += one + other
        if not float(left.norm()) <= allowed:
            raise Failed(
                "does not solve the equation of the derivative",
                where=str(ctx.pis[i]),
                error=float(left.norm()) / max(float(b.norm()), 1e-300),
                tolerance=allowed / max(float(b.norm()), 1e-300),
                tolerance_from="the claimed error, stretched as H stretches what is left",
            )
    if not seen:
        raise Skipped(
            "differences of the gradient say nothing here: weights or inputs are too small for them"
        )


@check("truth", "equals the derivative, by solving again at weights nearby")
def agrees_with_solving_again(ctx: OwnContext) -> None:
    if ctx.claim.estimand == "removal":
        raise Skipped("the claim is about removals: see agrees_with_removal")
    got: list[np.ndarray] = []
    want: list[np.ndarray] = []
    errors: list[float] = []
    names: list[str] = []
    rows, why, noisy = ctx.off(ctx.ask(ctx.pis)), "", False
    of = ctx.of if ctx.estimand.per_target else None
    for i in ctx.few:
        if (want or why) and not ctx.has_time:
            break  # judged by what there is
        try:
            slope, off = solved(ctx, partial(ctx.again.slope, ctx.pis[i], of))
        except Skipped as reason:
            why = why or str(reason)
            continue
        if not off <= NOISY * float(slope.norm()):
            noisy = True
            continue
        got.append(rows[i])
        want.append(slope.double().cpu().numpy())
        errors.append(off)
        names.append(str(ctx.pis[i]))
    if not want:
        if why and not noisy:
            raise Skipped(why)
        raise Skipped(
            f"solving again is off by more than {NOISY:.0%} of the derivative everywhere: solve the problem "
            f"to a smaller gradient, or in float64{'; ' + why if why else ''}"
        )
    truth = np.stack(want)
    error = float(np.linalg.norm(errors)) / (float(np.linalg.norm(truth)) or 1.0)
    judge(ctx, np.stack(got), truth, error, "is not the derivative of lam*", names)


@check("truth", "what is left after the first order falls with the square of the step")
def order_of_the_remainder(ctx: OwnContext) -> None:
    if ctx.claim.estimand != "derivative" or ctx.claim.accuracy != "exact":
        raise Skipped("asked of exact derivatives alone")
    rows = torch.as_tensor(ctx.ask(ctx.pis)).to(ctx.problem.lam)
    for turn, i in enumerate(ctx.few[:3]):
        if turn and not ctx.has_time:
            break  # judged by what there is
        p, x = ctx.pis[i], ctx.again.off(rows[i])
        h = ctx.again.size(p)
        far, near = (
            float((solved(ctx, partial(ctx.again.moved, p, s)) - s * x).norm()) for s in (h, h / 2)
        )
        slope, off = solved(ctx, partial(ctx.again.slope, p))
        noise = h * (off + 1e-6 * float(slope.norm()))
        if near > far / 2.5 and near > noise:
            raise Failed(
                f"half the step leaves {near / max(far, 1e-300):.2f} of the remainder; a first order "
                "leaves a quarter",
                where=str(p),
                error=near / (h / 2 * max(float(slope.norm()), 1e-300)),
                tolerance=noise / (h / 2 * max(float(slope.norm()), 1e-300)),
            )


@check("truth", "equals lam* without the datum, by solving again")
def agrees_with_removal(ctx: OwnContext) -> None:
    if ctx.claim.estimand != "removal":
        raise Skipped("the claim is about derivatives: how they predict removals is measured below")
    rows = ctx.off(ctx.ask(ctx.pis))
    few = ctx.few
    every = [ctx.again.removed(ctx.pis[i]) for i in few]  # each is made already
    want = np.stack([s.double().cpu().numpy() for s in every])
    names = [str(ctx.pis[i]) for i in few]
    judge(ctx, rows[few], want, 0.0, "is not lam* without the datum", names)
