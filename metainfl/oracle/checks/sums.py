"""Laws of sums: what the influences of instances, tasks and members of a group add up to."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from metainfl.oracle.checks.parts import loose
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl.problem.perturbation import group, query, task


@check("laws", "influences of a task's query instances add up to the task's")
def query_instances_add_up(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("query", "task")
    for case in ctx.cases:
        n = case.family.episodes.query_x.shape[1]
        got = ctx.ask(case, [task(1), *(query(1, j) for j in range(n))])
        ctx.compare(case, [task(1)], got[1:].sum(0)[None], got[:1], "query instances do not add up",
                    allowed=loose(ctx, case))  # fmt: skip


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
                    allowed=loose(ctx, case, cancellation=len(pis)))  # fmt: skip


@check("laws", "a group's influence is the sum of its members'")
def groups_add_up(ctx: Context) -> None:
    ctx.needs_derivative()
    ctx.needs_kind("group")
    own = [k for k in ("task", "query", "support") if k in ctx.claim.kinds]
    if not own:
        raise Skipped("groups are claimed without any kind of member")
    for case in ctx.cases:
        some = {k: case.perturbations([k], 2) for k in own}
        sets = [[p for k in own for p in some[k]]]
        sets += [some[a] + some[b] for a, b in combinations(own, 2) if len(own) > 2]
        sets += [case.perturbations(["task"])] if "task" in own else []  # every one of them
        members = list(dict.fromkeys(p for each in sets for p in each))
        got = ctx.ask(case, [*map(group, sets), *members])
        rows = dict(zip(members, got[len(sets) :], strict=True))
        for i, each in enumerate(sets):
            want = np.sum([rows[p] for p in each], axis=0)
            ctx.compare(case, [group(each)], got[i : i + 1], want[None], "not the members' sum",
                        allowed=loose(ctx, case, cancellation=len(each)))  # fmt: skip
