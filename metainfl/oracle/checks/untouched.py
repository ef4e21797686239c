"""Contract: what a method is given, its process and the random state are left as they were, and stdout empty.

All of it is looked at on the first case, where it is soon seen, then in every call on the drawn ones: what
is written into padding, or set for many tasks or for float32, is done there alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.oracle.checks.parts import everywhere, manners
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.manner import BY_IMPORTS
from metainfl.oracle.outcome import Failed
from metainfl.oracle.watched import OVERWRITTEN

#: after the first one: what is left by each of them is left by all
CALLS = 4


@check("contract", "prints nothing to stdout", EVERY)
def is_quiet(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    printed, where = manners(ctx, case, pis).printed, ""
    if not printed:
        printed, where = next(
            ((b.printed, b.where) for b in everywhere(ctx) if b.printed), ("", "")
        )
    if printed:
        raise Failed(f"printed {printed[:80]!r} to stdout; use logging or warnings", where=where)


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
        _unchanged(manners(ctx, case, pis).changed, case.name)
    for other in everywhere(ctx):
        _unchanged(other.changed, other.where)


def _unchanged(changed: Sequence[str], where: str) -> None:
    if OVERWRITTEN in changed:
        raise Failed(f"wrote into {OVERWRITTEN}; return a new array", where=where)
    if changed:
        raise Failed(f"changed its input: {', '.join(changed[:6])}", where=where)


@check(
    "contract",
    "grad mode, default dtype, threads, folder, environment ... are left as they were",
    EVERY,
)
def leaves_the_process_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    first, second = (manners(ctx, case, pis).process for _ in range(2))
    later = [second]
    # what an import inside the method sets once is not the method's doing, nor is a pool that grows to its
    # size in some calls; what returns is
    while len(later) < CALLS and set(BY_IMPORTS).intersection(*later):
        later.append(manners(ctx, case, pis).process)
    returns = set(BY_IMPORTS).intersection(*later)
    seen = dict.fromkeys(n for names in (first, *later) for n in names)
    _left([n for n in seen if n not in BY_IMPORTS or n in returns])
    for other in everywhere(ctx):
        _left([n for n in other.process if n not in BY_IMPORTS], other.where)


def _left(changed: Sequence[str], where: str = "") -> None:
    if changed:
        words = f"changed the process it runs in: {', '.join(changed)}; put it back"
        raise Failed(words, where=where)


@check("contract", "the global random state is the caller's", EVERY)
def leaves_the_random_state_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    moved, where = manners(ctx, case, pis).moved, ""
    if not moved:
        moved, where = next(((b.moved, b.where) for b in everywhere(ctx) if b.moved), ([], ""))
    if moved:
        words = f"moved the global random state of {', '.join(moved)}; use a generator of its own"
        raise Failed(words, where=where)
