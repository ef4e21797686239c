"""Laws of tasks: their order, copies of them, other weights, weight 0, and a task without a gradient."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from metainfl.oracle.bridge import tasks_of, to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import LINEAR, loose, with_direct
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.problem.perturbation import Perturbation, group, task
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.generators import with_duplicate, with_null


@check("laws", "permuting the tasks permutes their influences")
def permuting_tasks(ctx: Context) -> None:
    ctx.needs_derivative()
    for case, pis in ctx.usable(limit=2):
        e, n = case.family.episodes, case.family.episodes.n_tasks
        order = list(range(n))[::-1]
        moved = Episodes(*(a[order] for a in (e.support_x, e.support_y, e.query_x, e.query_y)))
        other = case.problem().replaced(tasks=tasks_of(moved))
        turned = [_relabelled(p, n) for p in pis]
        ctx.compare(case, pis, ctx.ask(case, turned, other), ctx.ask(case, pis),
                    "depends on the order of the tasks", allowed=loose(ctx, case))  # fmt: skip


@check("laws", "a duplicated task shares its influence; a weight of 2 is a duplicate")
def duplicates(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("task")
    for case in [c for c in ctx.cases if c.family.name in LINEAR]:
        f = case.family
        heavy = Weights.ones(f.episodes).moved(to_truth(task(0)), 1.0)
        at = f.solve(heavy, start=case.solution.lam)
        lam = torch.tensor(at.lam)
        twice = case.problem().replaced(tasks=tasks_of(with_duplicate(f.episodes, 0)), lam=lam)
        pis = [task(0), task(1)]
        n = f.episodes.n_tasks
        got = ctx.ask(case, [*pis, task(n)], twice)
        want = ctx.claim.factor(n + 1) * case.influence(pis, at)
        words = "a duplicated task does not get the influence of a weight of 2"
        ctx.compare(case, pis, got[:2], want, words, allowed=loose(ctx, case, 10))
        ctx.compare(
            case, pis[:1], got[2:], got[:1], "two equal tasks differ", allowed=loose(ctx, case)
        )
        single = case.problem(weights=heavy).replaced(lam=lam)
        want = ctx.claim.factor(n) * case.influence(pis, at)
        ctx.compare(case, pis, ctx.ask(case, pis, single), want, "wrong where a task has weight 2",
                    allowed=loose(ctx, case, 10))  # fmt: skip


@check("laws", "weights other than 1 are respected: of tasks, support and query instances")
def weighted_problems(ctx: Context) -> None:
    ctx.needs_derivative()
    for usual, _ in ctx.usable(limit=2):
        case = usual.once("square", partial(_square, usual))
        f, pis = case.family, [p for p in ctx.perturbations(case, 2) if ctx.known(case, p)]
        rng = np.random.default_rng(ctx.seed)
        ones = Weights.ones(f.episodes)
        w = Weights(
            *(rng.uniform(0.7, 1.3, a.shape) for a in (ones.task, ones.support, ones.query))
        )
        at = f.solve(w, start=case.solution.lam)
        problem = case.problem(weights=w).replaced(lam=torch.tensor(at.lam))
        want = ctx.claim.factor(f.episodes.n_tasks) * case.influence(pis, at)
        ctx.compare(case, pis, ctx.ask(case, pis, problem), want, "wrong where weights are not 1",
                    allowed=loose(ctx, case, 10), code=f"# {case.code} with random weights")  # fmt: skip


@check(
    "laws",
    "a task of weight 0 might as well not be there, and its own weight has a derivative still",
)
def weight_zero_is_absence(ctx: Context) -> None:
    ctx.needs_values()
    for usual, pis in ctx.usable(limit=2)[: None if ctx.estimand.cheap else 1]:
        if usual.family.name not in LINEAR:
            continue
        case = usual.once("absent", partial(_absent, usual))
        # and what is in the task: its weights count for nothing while the task does not count
        inside = [Perturbation(k, 2, 0) for k in ("support", "query") if k in ctx.claim.kinds]
        inside += [group([task(0), task(2)])] if "group" in ctx.claim.kinds else []
        kept = [p for p in pis if not _touches(p, 2)]
        kept += [p for p in inside if kept and ctx.known(case, p)]
        kept = [p for p in kept if ctx.known(case, p)]
        # what comes of taking it away is nothing, of which there are no digits to compare
        letting = "task" in ctx.claim.kinds and ctx.estimand.cheap
        own = [task(2)] if letting and ctx.known(case, task(2)) else []
        if not kept:
            continue
        want = ctx.truth(case, [*kept, *own])
        got, here = ctx.ask(case, [*kept, *own]), len(kept)
        ctx.compare(case, kept, got[:here], want[:here], "a task of weight 0 has an effect",
                    allowed=loose(ctx, case, 10))  # fmt: skip
        if own:
            ctx.compare(case, own, got[here:], want[here:], "not what letting in a task of weight 0 does",
                        allowed=loose(ctx, case, 10))  # fmt: skip


@check("laws", "a task with zero total gradient has no influence, and no NaN")
def null_task(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("task")
    for case in [c for c in ctx.cases if c.family.name in LINEAR]:
        e = with_null(case.family.episodes)
        n = case.family.episodes.n_tasks
        problem = case.problem().replaced(tasks=tasks_of(e))
        got = ctx.ask(case, [task(n), task(0)], problem)
        allowed = max(1e-9, ctx.tolerance(case)[0]) * max(float(np.abs(got[1]).max()), 1e-300)
        if float(np.abs(got[0]).max()) > allowed:
            ctx.compare(case, [task(n)], got[:1], np.zeros_like(got[:1]),
                        "a task without gradient has influence", allowed=(allowed, "zero"))  # fmt: skip


def _absent(case: Case) -> Case:
    """Task 2 at a weight of 0, with `direct` where there may be one: it goes with the task."""
    absent = Weights.ones(case.family.episodes).without(to_truth(task(2)))
    name = f"{case.name}, task 2 of weight 0"
    return replace(with_direct(case), name=name, weights=absent, start=case.solution.lam)


def _square(case: Case) -> Case:
    """As many tasks as supports and as queries, with which weights turned round, or one a task taken for one
    an instance, have the shape that is meant.
    """
    e, family = case.family.episodes, copy.copy(case.family)
    n = min(e.n_tasks, e.support_x.shape[1], e.query_x.shape[1])
    arrays = (e.support_x, e.support_y, e.query_x, e.query_y)
    family.episodes = Episodes(*(a[:n, :n] for a in arrays))
    return replace(
        case, name=f"{case.name}, {n} of each", family=family, code=f"# {case.code}, {n} of each"
    )


def _touches(p: Perturbation, k: int) -> bool:
    return p.task == k or any(m.task == k for m in p.members)


def _relabelled(p: Perturbation, n: int) -> Perturbation:
    """The same data after the tasks are reversed."""
    if p.kind == "group":
        return group([_relabelled(m, n) for m in p.members])
    return replace(p, task=n - 1 - p.task)
