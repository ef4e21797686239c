"""Laws of the derivative: identities that need no reference value, only the method itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from metainfl.oracle.bridge import tasks_of, to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl.problem.perturbation import Perturbation, group, query, task
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.generators import with_duplicate, with_null
from metainfl_reference.wide import EPS

LINEAR = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax", "single_ridge",
          "single_softmax")  # fmt: skip


@check("laws", "influences of a task's query instances add up to the task's")
def query_instances_add_up(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("query", "task")
    for case in ctx.cases:
        n = case.family.episodes.query_x.shape[1]
        got = ctx.ask(case, [task(1), *(query(1, j) for j in range(n))])
        ctx.compare(case, [task(1)], got[1:].sum(0)[None], got[:1], "query instances do not add up",
                    allowed=_loose(ctx, case))  # fmt: skip


@check("laws", "influences of all tasks add up to H^-1 outer_reg lam* (stationarity)")
def tasks_add_up_to_the_regulariser(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("task")
    for case in ctx.cases:
        f = case.family
        factor = ctx.claim.factor(f.episodes.n_tasks)
        pis = case.perturbations(["task"])
        want = factor * f.apply_inverse(case.solution, f.d_out * case.solution.lam)[None]
        got = ctx.ask(case, pis).sum(axis=0)[None]
        ctx.compare(case, [group(pis)], got, want, "tasks do not add up to H^-1 outer_reg lam*",
                    allowed=_loose(ctx, case, cancellation=len(pis)))  # fmt: skip


@check("laws", "a group's influence is the sum of its members'")
def groups_add_up(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("group")
    own = [k for k in ("task", "query", "support") if k in ctx.claim.kinds]
    if not own:
        raise Skipped("groups are claimed without any kind of member")
    for case in ctx.cases:
        members = [p for k in own for p in case.perturbations([k], 2)]
        got = ctx.ask(case, [group(members), *members])
        ctx.compare(case, [group(members)], got[:1], got[1:].sum(0)[None], "not the members' sum",
                    allowed=_loose(ctx, case, cancellation=len(members)))  # fmt: skip


@check("laws", "support influence is the slope of re-solving with the support weight moved")
def support_against_resolving(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("support")
    for case in ctx.cases:
        pis = case.perturbations(["support"], 1 if ctx.quick else 2)
        if not pis:
            continue
        want = [case.slope_by_resolving(p) for p in pis]
        factor = ctx.claim.factor(case.family.episodes.n_tasks)
        # Solutions good to eps cond |lam|, divided by the smallest step (0.2 / 64): what differences
        # resolve of a row that is small beside lam itself.
        resolved = 320 * EPS * case.condition * float(np.linalg.norm(case.solution.lam))
        resolved /= max(float(np.abs(want).max()), 1e-300)
        allowed = max(1e-8, resolved, ctx.tolerance(case)[0])
        ctx.compare(case, pis, ctx.ask(case, pis), factor * np.stack(want), "not the slope of re-solving",
                    allowed=(allowed, "accuracy of the extrapolation"))  # fmt: skip


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
                    "depends on the order of the tasks", allowed=_loose(ctx, case))  # fmt: skip


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
        ctx.compare(case, pis, got[:2], want, words, allowed=_loose(ctx, case, 10))
        ctx.compare(
            case, pis[:1], got[2:], got[:1], "two equal tasks differ", allowed=_loose(ctx, case)
        )
        single = case.problem(weights=heavy).replaced(lam=lam)
        want = ctx.claim.factor(n) * case.influence(pis, at)
        ctx.compare(case, pis, ctx.ask(case, pis, single), want, "wrong where a task has weight 2",
                    allowed=_loose(ctx, case, 10))  # fmt: skip


@check("laws", "weights other than 1 are respected: of tasks, support and query instances")
def weighted_problems(ctx: Context) -> None:
    ctx.needs_derivative()
    for case, pis in ctx.usable(limit=2):
        f = case.family
        rng = np.random.default_rng(ctx.seed)
        ones = Weights.ones(f.episodes)
        w = Weights(
            *(rng.uniform(0.7, 1.3, a.shape) for a in (ones.task, ones.support, ones.query))
        )
        at = f.solve(w, start=case.solution.lam)
        problem = case.problem(weights=w).replaced(lam=torch.tensor(at.lam))
        want = ctx.claim.factor(f.episodes.n_tasks) * case.influence(pis, at)
        ctx.compare(case, pis, ctx.ask(case, pis, problem), want, "wrong where weights are not 1",
                    allowed=_loose(ctx, case, 10), code=f"# {case.code} with random weights")  # fmt: skip


@check("laws", "data of weight 0 might as well not be there")
def weight_zero_is_absence(ctx: Context) -> None:
    ctx.needs_derivative()
    for case, pis in ctx.usable(limit=2):
        f = case.family
        if f.name not in LINEAR:
            continue
        kept = [p for p in pis if not _touches(p, 2)]
        if not kept:
            continue
        absent = Weights.ones(f.episodes).without(to_truth(task(2)))
        at = f.solve(absent, start=case.solution.lam)
        n = f.episodes.n_tasks
        problem = case.problem(weights=absent).replaced(lam=torch.tensor(at.lam))
        want = ctx.claim.factor(n) * case.influence(kept, at)
        ctx.compare(case, kept, ctx.ask(case, kept, problem), want, "a task of weight 0 has an effect",
                    allowed=_loose(ctx, case, 10))  # fmt: skip


@check("laws", "a task with zero total gradient has no influence, and no NaN")
def null_task(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("task")
    for case in [c for c in ctx.cases if c.family.name in LINEAR]:
        e = with_null(case.family.episodes)
        n = case.family.episodes.n_tasks
        problem = case.problem().replaced(tasks=tasks_of(e))
        got = ctx.ask(case, [task(n), task(0)], problem)
        scale = float(np.abs(got[1]).max())
        want = np.zeros_like(got[:1])
        size = float(np.abs(got[0]).max())
        if size > 1e-9 * max(scale, 1e-300):
            ctx.compare(case, [task(0)], got[:1], want, "a task without gradient has influence",
                        allowed=(1e-9 * scale, "zero"))  # fmt: skip


@check("laws", "rotating the inputs rotates the influence")
def rotating_inputs(ctx: Context) -> None:
    ctx.needs_derivative()
    for case, pis in ctx.usable(limit=2):
        f = case.family
        pis = [p for p in pis if not p.kind.endswith("input")]
        if f.name not in LINEAR or not pis:
            continue
        d = f.episodes.query_x.shape[2]
        q = np.linalg.qr(np.random.default_rng(ctx.seed).standard_normal((d, d)))[0]
        turned = replace(
            f.episodes, support_x=f.episodes.support_x @ q, query_x=f.episodes.query_x @ q
        )
        lam = torch.tensor((q.T @ case.solution.lam.reshape(d, -1)).reshape(-1))
        problem = case.problem().replaced(tasks=tasks_of(turned), lam=lam)
        got = ctx.ask(case, pis, problem).reshape(len(pis), d, -1)
        got = (q @ got).reshape(len(pis), -1)
        ctx.compare(case, pis, got, ctx.ask(case, pis), "does not rotate with the inputs",
                    allowed=_loose(ctx, case))  # fmt: skip


@check("laws", "scaling all losses and both regularisers together changes nothing")
def scaling_the_objective(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("task")
    for case in [c for c in ctx.cases if c.family.name.startswith(("proximal", "single"))]:
        f, factor = case.family, 3.0
        scaled = type(f)(f.episodes, d_in=factor * f.d_in, d_out=factor * f.d_out)
        ones = Weights.ones(f.episodes)
        w = Weights(ones.task, factor * ones.support, factor * ones.query)
        other = replace(case, family=scaled)
        problem = other.problem(weights=w).replaced(lam=torch.tensor(case.solution.lam))
        pis = case.perturbations(["task"], 3)
        ctx.compare(case, pis, ctx.ask(case, pis, problem), ctx.ask(case, pis),
                    "changes when losses and regularisers are scaled together",
                    allowed=_loose(ctx, case, 10))  # fmt: skip


@check("laws", "no component along a symmetry of the objective")
def no_component_along_a_symmetry(ctx: Context) -> None:
    ctx.needs_derivative()
    found = False
    for case, pis in ctx.usable(limit=3):
        tangent = case.family.tangent(case.solution.lam)
        if not tangent.shape[1]:
            continue
        found = True
        got = ctx.ask(case, pis)
        off = got - (got @ tangent) @ tangent.T
        ctx.compare(case, pis, got, off, "moves along a direction in which nothing changes",
                    allowed=_loose(ctx, case))  # fmt: skip
    if not found:
        raise Skipped("no family with a symmetry among the cases")


def _loose(ctx: Context, case: Case, cancellation: float = 2.0) -> tuple[float, str]:
    """Two answers each within tolerance, and cancellation in their difference."""
    tolerance, source = ctx.tolerance(case)
    return 2 * cancellation * tolerance, f"{2 * cancellation:g} times {source}"


def _touches(p: Perturbation, k: int) -> bool:
    return p.task == k or any(m.task == k for m in p.members)


def _relabelled(p: Perturbation, n: int) -> Perturbation:
    """The same data after the tasks are reversed."""
    if p.kind == "group":
        return group([_relabelled(m, n) for m in p.members])
    return replace(p, task=n - 1 - p.task)
