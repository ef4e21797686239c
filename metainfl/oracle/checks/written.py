"""Laws of notation: one problem written down in another way that `Tasks` takes has the same influences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from metainfl.oracle.case import Case
from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks.notations import Numbered, Unpadded, Written, of_few_classes
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.runs.unpadded import UnpaddedRun
from metainfl.problem.perturbation import Perturbation

NUMBERED = ("single_softmax", "proximal_softmax", "maml_softmax")  # prototypes take no numbers


@check(
    "laws",
    "labels as whole numbers, and tasks of their own sizes without padding, are the same problem",
    EVERY,
)
def notation_does_not_matter(ctx: Context) -> None:
    ctx.needs_values()
    refused: list[str] = []
    asked, runs = False, ctx.estimand.evidence == "run"
    most = (2 if ctx.quick else None) if ctx.estimand.cheap else 1  # of what costs a solve each
    every = _padded_runs(ctx) if runs else ctx.space("wide")[:most]
    first = every[0][0] if ctx.estimand.cheap and not runs else None
    for case, pis in every:
        other, words = (UnpaddedRun if runs else Unpadded).of(case), "of tasks of different sizes"
        # apart: who moves no inputs of tasks that have no common axis may raise, of them alone
        for moved in (False, True):
            own = _some(ctx, pis, moved)
            asked |= bool(own) and _same(ctx, other, own, words, refused)
        if case is first and (own := _some(ctx, pis, False)):
            _same(ctx, other, own, f"{words}, in chunks", refused, chunk=1)
    numbered = [n for n in ctx.families if n in NUMBERED and not runs]
    for name in numbered[: 1 if ctx.quick else most]:
        usual = cached_case(name, ctx.seed)
        case = usual.once("few classes", partial(of_few_classes, usual))
        own = [p for p in ctx.perturbations(case) if ctx.known(case, p)]
        words = "where labels are numbers"
        asked |= bool(own) and _same(ctx, Numbered.of(case), own, words, refused)
    if not asked:
        raise Skipped(f"refuses them: {refused[0]}" if refused else "no family to ask it of")


def _padded_runs(ctx: Context) -> Sequence[tuple[Case, list[Perturbation]]]:
    """Runs to their end of tasks of which some are padded: one, two in full."""
    found = [
        (case, pis)
        for case, pis in ctx.space()
        if isinstance(case, RunCase) and not case.ahead and not case.solution.weights.query.all()
    ]
    return found[: 1 if ctx.quick else 2]


def _same(
    ctx: Context,
    case: Written,
    pis: list[Perturbation],
    words: str,
    refused: list[str],
    **options: int,
) -> bool:
    """Whether it answered, rightly; that it raises is no wrong answer, and is kept."""
    problem = case.problem()
    try:
        got = ctx.ask(
            case, [case.there(p) for p in pis], problem.replaced(**options) if options else problem
        )
    except Failed as error:
        if not error.message.startswith("raised"):
            raise
        refused.append(error.message)
        return False
    ctx.compare(case, pis, got, ctx.truth(case, pis), f"wrong {words}", allowed=either(ctx, case, pis),
                code=f"# {case.code}, {words}")  # fmt: skip
    return True


def _some(ctx: Context, pis: Sequence[Perturbation], moved: bool) -> list[Perturbation]:
    """Ten of each kind of weight, or of inputs that are `moved`, spread over the tasks."""
    out: list[Perturbation] = []
    for kind in (k for k in ctx.claim.kinds if k.endswith("input") == moved):
        own = [p for p in pis if p.kind == kind]
        out += own[:: max(1, len(own) // 10)]
    return out
