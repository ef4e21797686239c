"""Contract: what comes back is a finite (n, p) array of the right kind, and nothing else happens."""

from __future__ import annotations

import copy

import numpy as np
import torch

from metainfl.oracle.bridge import all_to_truth, tasks_of
from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.manner import BY_IMPORTS
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.returned import Raised, Returned
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.episodes import Weights


@check(
    "contract", "returns a finite floating-point (perturbations, parameters) array in time", EVERY
)
def returns_an_array(ctx: Context) -> None:
    for case, pis in ctx.usable(limit=2):
        ctx.ask(case, pis)


@check("contract", "float64 in, float64 out", EVERY)
def keeps_the_dtype(ctx: Context) -> None:
    case, pis = ctx.usable(limit=2)[0]
    got = ctx.raw(case, pis, case.problem())
    if got.dtype != "float64":
        raise Failed(f"float64 in, {got.dtype} out", where=case.name)


@check("contract", "prints nothing to stdout", EVERY)
def is_quiet(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    printed = _manners(ctx, case, pis).printed
    if printed:
        raise Failed(f"printed {printed[:80]!r} to stdout; use logging or warnings")


@check("contract", "the same call twice gives the same answer", EVERY)
def is_reentrant(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    first, second = ctx.ask(case, pis), ctx.ask(case, pis)
    gap = distance(second, first).relative
    allowed = 1e-14 if ctx.claim.deterministic else ctx.tolerance(case)[0]
    if gap > allowed:
        raise Failed(
            "two equal calls disagree; claim deterministic=False, or fix the seed inside",
            where=case.name,
            error=gap,
            tolerance=allowed,
        )


@check("contract", "the answer on one problem does not depend on the problem seen before", EVERY)
def has_no_hidden_state(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    other = type(ctx)(ctx.method, ctx.claim, quick=True, seed=ctx.seed + 1000).case
    alone = ctx.ask(case, pis)
    ctx.ask(other, pis)
    again = ctx.ask(case, pis)
    fresh = ctx.ask(other, pis)
    want = ctx.truth(other, pis) if ctx.claim.accuracy != "rank" else None
    if distance(again, alone).relative > max(1e-14, ctx.tolerance(case)[0]):
        raise Failed("the answer changed after another problem was seen", where=case.name)
    if want is None:
        return
    if distance(alone, ctx.truth(case, pis)).relative <= ctx.tolerance(case)[0]:
        words = "right on the first problem, wrong on the second it sees"
        ctx.compare(other, pis, fresh, want, words)


@check(
    "contract", "a problem whose lam, weights and regulariser were assigned anew is another problem"
)
def sees_what_was_assigned(ctx: Context) -> None:
    ctx.needs_derivative()
    case, pis = ctx.usable(limit=3)[0]
    f, problem = case.family, case.problem()
    ctx.ask(case, pis, problem)
    rng = np.random.default_rng(ctx.seed + 5)
    ones = Weights.ones(f.episodes)
    w = Weights(*(rng.uniform(0.6, 1.4, a.shape) for a in (ones.task, ones.support, ones.query)))
    other = copy.copy(f)
    other.d_out = 1.3 * f.d_out
    at = other.solve(w, start=case.solution.lam)
    problem.tasks, problem.outer_reg = tasks_of(f.episodes, w), float(other.d_out)
    problem.lam = torch.tensor(at.lam)
    want = ctx.claim.factor(f.episodes.n_tasks) * other.influence(all_to_truth(pis), at).value
    ctx.compare(case, pis, ctx.ask(case, pis, problem), want,
                "answers for what the problem was before lam, tasks and outer_reg were assigned",
                allowed=(max(10 * ctx.tolerance(case)[0], 1e-10), "ten times the tolerance"))  # fmt: skip


@check(
    "contract",
    "the problem, all its parts, the targets and the list of perturbations are left as they were",
    EVERY,
)
def leaves_its_inputs_alone(ctx: Context) -> None:
    for case, pis in ctx.usable(limit=3):
        changed = _manners(ctx, case, pis).changed
        if changed:
            raise Failed(f"changed its input: {', '.join(changed[:6])}", where=case.name)


@check(
    "contract",
    "grad mode, default dtype, threads, folder, environment ... are left as they were",
    EVERY,
)
def leaves_the_process_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    first, second = (_manners(ctx, case, pis).process for _ in range(2))
    # what an import inside the method sets once is not the method's doing; what returns is
    changed = list(dict.fromkeys([n for n in first if n not in BY_IMPORTS] + second))
    if changed:
        raise Failed(f"changed the process it runs in: {', '.join(changed)}; put it back")


@check("contract", "the global random state is the caller's", EVERY)
def leaves_the_random_state_alone(ctx: Context) -> None:
    case, pis = ctx.usable(limit=1)[0]
    moved = _manners(ctx, case, pis).moved
    if moved:
        raise Failed(
            f"moved the global random state of {', '.join(moved)}; use a generator of its own"
        )


@check("contract", "row i answers perturbation i, whatever the order", EVERY)
def rows_follow_the_order_asked(ctx: Context) -> None:
    case, pis = ctx.usable(limit=4)[0]
    if len(pis) < 2:
        raise Skipped("one perturbation has no order")
    turned = list(reversed(pis))
    here, there = ctx.ask(case, pis), ctx.ask(case, turned)[::-1]
    _same(ctx, case, here, there, "reversing the perturbations did not reverse the rows")


@check("contract", "an answer does not depend on what else is asked with it", EVERY)
def rows_do_not_mix(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    whole = ctx.ask(case, pis)
    for i in {0, len(pis) - 1}:
        _same(ctx, case, ctx.ask(case, [pis[i]]), whole[i : i + 1], f"{pis[i]} alone differs")
    twice = ctx.ask(case, [pis[0], pis[0]])
    _same(ctx, case, twice, np.stack([whole[0], whole[0]]), "the same perturbation twice differs")


@check("contract", "more perturbations than parameters are no problem", EVERY)
def more_perturbations_than_parameters(ctx: Context) -> None:
    case, _ = ctx.usable()[0]
    pis = [p for p in case.perturbations(ctx.claim.kinds) if ctx._known(case, p)]
    while len(pis) <= case.family.n_meta:
        pis = pis + pis
    got = ctx.ask(case, pis)
    if ctx.claim.accuracy != "rank":
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong with more perturbations than parameters",
                    allowed=_either(ctx, case, pis))  # fmt: skip


def _either(ctx: Context, case: Case, pis: list[Perturbation]) -> tuple[float, str]:
    """What is allowed of anything asked of the case, or of these rows where that is more."""
    return max(ctx.tolerance(case), ctx.measured_tolerance(case, pis))


def _manners(ctx: Context, case: Case, pis: list[Perturbation]) -> Returned | Raised:
    """What a call does besides returning; that it raises is for returns_an_array to say."""
    try:
        return ctx.raw(case, pis, case.problem())
    except Failed as failure:
        if failure.call is None:
            raise
        return failure.call


def _same(ctx: Context, case: Case, got: np.ndarray, want: np.ndarray, words: str) -> None:
    """Both are the method's own answers: they agree to the claim's tolerance (for ranks, to 1e-6)."""
    allowed = 1e-6 if ctx.claim.accuracy == "rank" else 2 * ctx.tolerance(case)[0]
    gap = distance(got, want).relative
    if gap > allowed:
        raise Failed(words, where=case.name, error=gap, tolerance=allowed)
