"""Laws of notation: one problem written down in another way that `Tasks` takes has the same influences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from metainfl.oracle.case import Case
from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks.notations import (
    Numbered,
    NumberedUnpadded,
    Turned,
    Unpadded,
    UnpaddedTargets,
    Written,
    of_few_classes,
)
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.checks.run_precision import in_single
from metainfl.oracle.checks.several_sizes import of_several_sizes
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.runs.by_seed import BySeed
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.runs.unpadded import UnpaddedRun
from metainfl.oracle.space import drawn_case
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.errors import InvalidProblem, NotCertified

NUMBERED = ("single_softmax", "proximal_softmax", "maml_softmax")  # prototypes take no numbers


@check(
    "laws",
    "labels as numbers, tasks of their own sizes without padding, views, batches drawn by seed are the same",
    EVERY,
)
def notation_does_not_matter(ctx: Context) -> None:
    ctx.needs_values()
    refused: list[str] = []
    asked, ragged = False, "of tasks of different sizes"
    if ctx.estimand.evidence == "run":
        return _along_runs(ctx, ragged, refused)
    most = (2 if ctx.quick else None) if ctx.estimand.cheap else 1  # of what costs a solve each
    for turn, (case, pis) in enumerate(ctx.space("wide")[:most]):
        asked |= _moved_apart(ctx, Unpadded.of(case), pis, ragged, refused)
        if not turn and ctx.estimand.cheap:
            _once_more(ctx, case, _some(ctx, pis, moved=False), ragged, refused)
    if ctx.estimand.cheap:
        asked |= _of_several_sizes(ctx, refused)
    for name in [n for n in ctx.families if n in NUMBERED][: 1 if ctx.quick else most]:
        usual = cached_case(name, ctx.seed)
        case = usual.once("few classes", partial(of_few_classes, usual))
        own = [p for p in ctx.perturbations(case) if ctx.known(case, p)]
        words = "where labels are numbers"
        asked |= bool(own) and _same(ctx, Numbered.of(case), own, words, refused)
    _any(asked, refused)


def _once_more(
    ctx: Context, case: Case, pis: list[Perturbation], ragged: str, refused: list[str]
) -> None:
    """One case with what goes along with another notation: chunks, single precision, views, targets alone."""
    if not pis:
        return
    _same(ctx, Unpadded.of(case), pis, f"{ragged}, in chunks", refused, chunk=1)
    _same(ctx, Unpadded.of(case), pis, f"{ragged}, in float32", refused, torch.float32)
    _same(ctx, Turned.of(case), pis, "where tensors are views of others", refused)
    if ctx.estimand.per_target:
        words = "where the targets alone are of different sizes"
        _same(ctx, UnpaddedTargets.of(case), pis, words, refused)


def _of_several_sizes(ctx: Context, refused: list[str]) -> bool:
    """Tasks that differ on either side alone, with labels as numbers where there are any."""
    most = 1 if ctx.quick else None
    numbered = [n for n in ctx.families if n in NUMBERED][:most]
    asked, words = False, "of tasks of several sizes"
    for name in list(dict.fromkeys([*numbered, *ctx.families]))[:most]:
        base = drawn_case(name, "narrow", ctx.seed)
        try:
            case = base.once("several sizes", partial(of_several_sizes, base, ctx.seed))
            every = [p for p in case.perturbations(ctx.claim.kinds) if ctx.known(case, p)]
            pis = _some(ctx, every, moved=False) or _some(ctx, every, moved=True)
        except (InvalidProblem, NotCertified):
            continue
        if not pis:
            continue
        if name not in numbered:
            asked |= _same(ctx, Unpadded.of(case), pis, words, refused)
            continue
        given, words_too = NumberedUnpadded.of(case), f"{words}, whose labels are numbers"
        asked |= _same(ctx, given, pis, words_too, refused)
        words_too = f"{words_too}, in chunks and float32"
        _same(ctx, given, pis, words_too, refused, torch.float32, chunk=2)
    return asked


def _any(asked: bool, refused: Sequence[str]) -> None:
    """Nothing was said where nothing was answered."""
    if not asked:
        raise Skipped(f"refuses them: {refused[0]}" if refused else "no family to ask it of")


def _along_runs(ctx: Context, ragged: str, refused: list[str]) -> None:
    """Batches drawn by seed; and ragged tasks, of runs to their end: one, two in full."""
    base, pis = ctx.usable(limit=2)[0]
    assert isinstance(base, RunCase)
    case = base.once("by seed", partial(BySeed.of, base))
    pis = [p for p in pis if ctx.known(case, p)]
    asked = bool(pis) and _same(ctx, case, pis, "where batches are drawn by seed", refused)
    every = [(c, own) for c, own in ctx.space() if isinstance(c, RunCase) and not c.ahead]
    padded = [(c, own) for c, own in every if not c.solution.weights.query.all()]
    for turn, (found, own) in enumerate(padded[: 1 if ctx.quick else 2]):
        given = UnpaddedRun.of(found)
        asked |= _moved_apart(ctx, given, own, ragged, refused)
        if not turn and (some := _some(ctx, own, moved=False)):
            allowed = in_single(ctx, found, some)
            _same(ctx, given, some, f"{ragged}, in float32", refused, torch.float32, allowed)
    _any(asked, refused)


def _moved_apart(
    ctx: Context, case: Written, pis: list[Perturbation], words: str, refused: list[str]
) -> bool:
    """The same, inputs apart: who moves none of tasks without a common axis may raise, of them alone."""
    asked = False
    for moved in (False, True):
        own = _some(ctx, pis, moved)
        asked |= bool(own) and _same(ctx, case, own, words, refused)
    return asked


def _same(
    ctx: Context,
    case: Written | BySeed,
    pis: list[Perturbation],
    words: str,
    refused: list[str],
    dtype: torch.dtype = torch.float64,
    allowed: tuple[float, str] | None = None,
    **options: int,
) -> bool:
    """Whether it answered, rightly; that it raises is no wrong answer, and is kept."""
    problem = case.problem(dtype)
    try:
        problem = problem.replaced(**options) if options else problem
        got = ctx.ask(case, [case.there(p) for p in pis], problem)
    except Failed as error:
        if not error.message.startswith("raised"):
            raise
        refused.append(error.message)
        return False
    if allowed is None:
        single = dtype != torch.float64
        allowed = ctx.measured_tolerance(case, pis, dtype) if single else either(ctx, case, pis)
    ctx.compare(case, pis, got, ctx.truth(case, pis), f"wrong {words}", allowed=allowed,
                code=f"# {case.code}, {words}")  # fmt: skip
    return True


def _some(ctx: Context, pis: Sequence[Perturbation], moved: bool) -> list[Perturbation]:
    """Ten of each kind of weight, or of inputs that are `moved`, spread over the tasks."""
    out: list[Perturbation] = []
    for kind in (k for k in ctx.claim.kinds if k.endswith("input") == moved):
        own = [p for p in pis if p.kind == kind]
        out += own[:: max(1, len(own) // 10)]
    return out
