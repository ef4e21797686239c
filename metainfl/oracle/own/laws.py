"""What a method keeps on any problem, whatever its values: contracts and laws."""

from __future__ import annotations

from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.own.context import OwnContext
from metainfl.oracle.own.judging import same
from metainfl.oracle.own.registry import check


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
    same(ctx, ctx.ask(ctx.pis), ctx.ask(ctx.pis), "a second call answers otherwise")


@check("laws", "a row does not depend on what else is asked, nor on the order")
def rows_do_not_mix(ctx: OwnContext) -> None:
    if not ctx.claim.deterministic:
        raise Skipped("the claim says that it draws")
    order = list(reversed(range(len(ctx.pis))))[::2]
    some = ctx.ask([ctx.pis[i] for i in order])
    same(ctx, some, ctx.ask(ctx.pis)[order], "rows asked for in another order, without the rest")


@check("laws", "no component along a symmetry of the objective")
def no_component_along_a_symmetry(ctx: OwnContext) -> None:
    if ctx.problem.symmetry is None or ctx.claim.estimand != "derivative":
        raise Skipped("no symmetry was declared, or the claim is not about directions of lam")
    rows = ctx.ask(ctx.pis)
    same(ctx, rows, ctx.off(rows), "moves along a direction in which nothing changes")
