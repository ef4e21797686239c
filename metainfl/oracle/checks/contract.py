"""Contract: a finite (n, p) array of the right kind comes back, twice the same."""

from __future__ import annotations

import copy

import numpy as np
import torch

from metainfl.oracle.bridge import all_to_truth, problem_of, tasks_of
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.drawn_sizes import SAME_SPACE
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
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
    pis = [p for p in pis if ctx.known(other, p)]  # a removal may end the minimum there
    if not pis:
        raise Skipped("no two problems on which the same perturbations have an answer")
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
        ctx.compare(other, pis, fresh, want, words, allowed=either(ctx, other, pis))


@check(
    "contract",
    "a problem whose lam, weights, regulariser or direct were assigned anew is another problem",
)
def sees_what_was_assigned(ctx: Context) -> None:
    ctx.needs_derivative()
    case, pis = ctx.usable(limit=3)[0]
    f, problem = case.family, case.problem()
    ctx.ask(case, pis, problem)
    rng = np.random.default_rng(ctx.seed + 5)
    ones = Weights.ones(f.episodes)
    drawn = Weights(
        *(rng.uniform(0.6, 1.4, a.shape) for a in (ones.task, ones.support, ones.query))
    )
    other, start, before = copy.copy(f), case.solution.lam, ones
    # first with the tasks as they are, the same object; last with these and outer_reg too, where it can be
    steps = [(1.3, ones, f.direct), (1.6, drawn, f.direct)]
    for factor, w, direct in [*steps, (1.6, drawn, 0.2)] if f.name in SAME_SPACE else steps:
        other.d_out, other.direct = factor * f.d_out, direct
        at = other.solve(w, start=start)
        start = at.lam
        if w is not before:
            problem.tasks = tasks_of(f.episodes, w)
        if direct != problem.direct:
            problem.direct = direct
        before = w
        problem.outer_reg, problem.lam = float(other.d_out), torch.tensor(at.lam)
        want = ctx.claim.factor(f.episodes.n_tasks) * other.influence(all_to_truth(pis), at).value
        got = ctx.ask(case, pis, problem)
        fresh = problem_of(other, weights=w)
        fresh.lam = torch.tensor(at.lam)
        anew = ctx.ask(case, pis, fresh)
        words = (
            "answers for what the problem was before lam, tasks, outer_reg or direct were assigned"
        )
        if np.linalg.norm(got - anew) <= 1e-9 * np.linalg.norm(anew):
            words = "wrong with other weights and another outer_reg, assigned or from the start"
        ctx.compare(case, pis, got, want, words,
                    allowed=(max(10 * ctx.tolerance(case)[0], 1e-10), "ten times the tolerance"))  # fmt: skip
