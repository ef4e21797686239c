"""Laws of notation: one problem written down in another way that `Tasks` takes has the same influences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks.notations import Numbered, Unpadded, Written, of_few_classes
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import Perturbation

NUMBERED = ("single_softmax", "proximal_softmax", "maml_softmax")  # prototypes take no numbers


@check(
    "laws",
    "labels as whole numbers, and tasks of their own sizes without padding, are the same problem",
    ("minimiser",),
)
def notation_does_not_matter(ctx: Context) -> None:
    ctx.needs_values()
    refused: list[str] = []
    asked = False
    most = (2 if ctx.quick else None) if ctx.estimand.cheap else 1  # of what costs a solve each
    for case, pis in ctx.space("wide")[:most]:
        own, words = _some(ctx, pis), "of tasks of different sizes"
        asked |= bool(own) and _same(ctx, Unpadded.of(case), own, words, refused)
    for name in [n for n in ctx.families if n in NUMBERED][: 1 if ctx.quick else most]:
        usual = cached_case(name, ctx.seed)
        case = usual.once("few classes", partial(of_few_classes, usual))
        own = [p for p in ctx.perturbations(case) if ctx.known(case, p)]
        words = "where labels are numbers"
        asked |= bool(own) and _same(ctx, Numbered.of(case), own, words, refused)
    if not asked:
        raise Skipped(f"refuses them: {refused[0]}" if refused else "no family to ask it of")


def _same(
    ctx: Context, case: Written, pis: list[Perturbation], words: str, refused: list[str]
) -> bool:
    """Whether it answered, rightly; that it raises is no wrong answer, and is kept."""
    try:
        got = ctx.ask(case, [case.there(p) for p in pis], case.problem())
    except Failed as error:
        if not error.message.startswith("raised"):
            raise
        refused.append(error.message)
        return False
    ctx.compare(case, pis, got, ctx.truth(case, pis), f"wrong {words}", allowed=either(ctx, case, pis),
                code=f"# {case.code}, {words}")  # fmt: skip
    return True


def _some(ctx: Context, pis: Sequence[Perturbation]) -> list[Perturbation]:
    """Ten of each kind, spread over the tasks; inputs of ragged tasks have no common axes."""
    out: list[Perturbation] = []
    for kind in (k for k in ctx.claim.kinds if not k.endswith("input")):
        own = [p for p in pis if p.kind == kind]
        out += own[:: max(1, len(own) // 10)]
    return out
