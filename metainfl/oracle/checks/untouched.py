"""Contract: what a method is given, its process and the random state are left as they were."""

from __future__ import annotations

from metainfl.oracle.checks.parts import manners
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.manner import BY_IMPORTS
from metainfl.oracle.outcome import Failed
from metainfl.oracle.watched import OVERWRITTEN


@check(
    "contract",
    "the problem, all its parts, the targets, the list of perturbations and earlier answers are left as "
    "they were",
    EVERY,
)
def leaves_its_inputs_alone(ctx: Context) -> None:
    asked = ctx.usable(limit=3)
    first, turned = asked[0][0], asked[0][1][::-1]
    # one after the other, in arrays of the same shape
    for case, pis in [(first, turned), *asked]:
        changed = manners(ctx, case, pis).changed
        if OVERWRITTEN in changed:
            raise Failed(f"wrote into {OVERWRITTEN}; return a new array", where=case.name)
        if changed:
            raise Failed(f"changed its input: {', '.join(changed[:6])}", where=case.name)


@check(
    "contract",
    "grad mode, default dtype, threads, folder, environment ... are left as they were",
    EVERY,
)
def leaves_the_process_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    first, second = (manners(ctx, case, pis).process for _ in range(2))
    # what an import inside the method sets once is not the method's doing; what returns is
    changed = list(dict.fromkeys([n for n in first if n not in BY_IMPORTS] + second))
    if changed:
        raise Failed(f"changed the process it runs in: {', '.join(changed)}; put it back")


@check("contract", "the global random state is the caller's", EVERY)
def leaves_the_random_state_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    moved = manners(ctx, case, pis).moved
    if moved:
        raise Failed(
            f"moved the global random state of {', '.join(moved)}; use a generator of its own"
        )
