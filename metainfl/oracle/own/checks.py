"""The checks on one's own problem: functions of `OwnContext` that return, or raise `Failed` or `Skipped`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from metainfl.errors import MetainflError
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.own.context import OwnContext

T = TypeVar("T")
NOISY = 0.05  # a truth that is known no better than this decides nothing


@dataclass(frozen=True)
class OwnCheck:
    """`group`, `meaning`: as of `metainfl.oracle.checks.Check`."""

    group: str
    meaning: str
    run: Callable[[OwnContext], None]


OWN: dict[str, OwnCheck] = {}


def check(group: str, meaning: str) -> Callable[[Callable[[OwnContext], None]], None]:
    """Register under the function's name."""

    def add(run: Callable[[OwnContext], None]) -> None:
        OWN[run.__name__] = OwnCheck(group, meaning, run)

    return add


@check("contract", "returns a finite array of the right shape")
def returns_an_array(ctx: OwnContext) -> None:
    ctx.ask(ctx.pis)


@check("contract", "leaves the problem and the process as they were")
def leaves_everything_alone(ctx: OwnContext) -> None:
    found = ctx.raw(ctx.pis[:2])
    changed = [*found.changed, *found.process, *found.moved]
    if changed:
        raise Failed(f"changed {', '.join(changed)}")


@check("contract", "the same call twice gives the same answer")
def same_answer_again(ctx: OwnContext) -> None:
    if not ctx.claim.deterministic:
        raise Skipped("the claim says that it draws")
    _same(ctx, ctx.ask(ctx.pis), ctx.ask(ctx.pis), "a second call answers otherwise")


@check("laws", "a row does not depend on what else is asked, nor on the order")
def rows_do_not_mix(ctx: OwnContext) -> None:
    if not ctx.claim.deterministic:
        raise Skipped("the claim says that it draws")
    order = list(reversed(range(len(ctx.pis))))[::2]
    some = ctx.ask([ctx.pis[i] for i in order])
    _same(ctx, some, ctx.ask(ctx.pis)[order], "rows asked for in another order, without the rest")


@check("truth", "solves H x = -d grad F/d pi, both sides by differences of the gradient")
def solves_its_equation(ctx: OwnContext) -> None:
    if ctx.claim.estimand != "derivative":
        raise Skipped("an equation of derivatives alone")
    rows = torch.as_tensor(ctx.ask(ctx.pis)).to(ctx.problem.lam)
    seen = False
    for i in ctx.few:
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
    rows, why = ctx.ask(ctx.pis), ""
    of = ctx.of if ctx.estimand.per_target else None
    for i in ctx.few:
        if want and not ctx.has_time:
            break  # judged by what there is
        try:
            slope, off = _solved(partial(ctx.again.slope, ctx.pis[i], of))
        except Skipped as reason:
            why = f"; {reason}"
            continue
        if not off <= NOISY * float(slope.norm()):
            continue
        got.append(rows[i])
        want.append(slope.double().cpu().numpy())
        errors.append(off)
        names.append(str(ctx.pis[i]))
    if not want:
        raise Skipped(
            f"solving again is off by more than {NOISY:.0%} of the derivative everywhere: solve the problem "
            f"to a smaller gradient, or in float64{why}"
        )
    truth = np.stack(want)
    error = float(np.linalg.norm(errors)) / (float(np.linalg.norm(truth)) or 1.0)
    _judge(ctx, np.stack(got), truth, error, "is not the derivative of lam*", names)


@check("truth", "what is left after the first order falls with the square of the step")
def order_of_the_remainder(ctx: OwnContext) -> None:
    if ctx.claim.estimand != "derivative" or ctx.claim.accuracy != "exact":
        raise Skipped("asked of exact derivatives alone")
    rows = torch.as_tensor(ctx.ask(ctx.pis)).to(ctx.problem.lam)
    for i in ctx.few[:3]:
        ctx.in_time()
        p, x = ctx.pis[i], ctx.again.off(rows[i])
        h = ctx.again.size(p)
        far, near = (
            float((_solved(partial(ctx.again.moved, p, s)) - s * x).norm()) for s in (h, h / 2)
        )
        slope, off = _solved(partial(ctx.again.slope, p))
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
    rows = ctx.ask(ctx.pis)
    few = ctx.few
    solved = [_solved(partial(ctx.again.removed, ctx.pis[i])) for i in few]  # each is made already
    want = np.stack([s.double().cpu().numpy() for s in solved])
    names = [str(ctx.pis[i]) for i in few]
    _judge(ctx, rows[few], want, 0.0, "is not lam* without the datum", names)


def _solved(solve: Callable[[], T]) -> T:
    """A solve's result; where it has none nothing can be said."""
    try:
        return solve()
    except MetainflError as error:
        raise Skipped(f"could not be solved again: {error}") from error


def _same(ctx: OwnContext, a: np.ndarray, b: np.ndarray, what: str) -> None:
    # other columns are summed in another order, which a condition number magnifies
    off = distance(a, b).relative
    allowed = max(1e4 * float(torch.finfo(ctx.problem.lam.dtype).eps), ctx.allowed(0.0)[0])
    if off > allowed:
        raise Failed(what, error=off, tolerance=allowed)


def _judge(
    ctx: OwnContext,
    got: np.ndarray,
    want: np.ndarray,
    error: float,
    what: str,
    names: Sequence[str],
) -> None:
    """Values, or ranks of their sizes where ranks are claimed."""
    if ctx.claim.accuracy == "rank":
        raise Skipped(
            "a claim of ranks needs many perturbations solved again: see what is measured"
        )
    allowed, source = ctx.allowed(error)
    gaps = np.linalg.norm(got - want, axis=1)
    d = distance(got, want)
    if not d.relative <= allowed:
        raise Failed(
            what,
            where=f"{names[int(gaps.argmax())]} of {len(want)} solved again",
            error=d.relative,
            tolerance=allowed,
            tolerance_from=source,
            ratio=d.ratio,
        )
