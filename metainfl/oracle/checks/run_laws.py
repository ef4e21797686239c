"""Laws of a training run's derivative: idle tasks, and sums over instances and groups."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.checks.registry import check
from metainfl.oracle.checks.run_parts import RUN, needs_derivative, under, with_batches
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed
from metainfl.oracle.runs.case import RunCase
from metainfl.problem.perturbation import group, query, task


@check("laws", "a task that no batch holds changes nothing, and a weight times 1 neither", RUN)
def what_no_batch_holds_changes_nothing(ctx: Context) -> None:
    ctx.needs_kind("task")
    ctx.needs_values()
    for base in ctx.cases:
        assert isinstance(base, RunCase) and base.recipe is not None
        n = base.family.episodes.n_tasks
        batches = tuple(tuple(k % (n - 1) for k in b) for b in base.recipe.batches)
        case = under(base, with_batches(base.recipe, batches), "without its last task")
        pis = [task(n - 1), task(0)]
        idle, busy = ctx.ask(case, pis)
        # differences of replays leave rounding, and that is allowed as much as anywhere
        allowed = max(1e-12, ctx.tolerance(case)[0])
        error = float(np.abs(idle).max()) / max(float(np.abs(busy).max()), 1e-300)
        if error > allowed:
            raise Failed("a task that is in no batch has an effect", where=case.name,
                         error=error, tolerance=allowed)  # fmt: skip


@check("laws", "query instances add up to their task, and members to their group", RUN)
def parts_of_a_run_add_up(ctx: Context) -> None:
    needs_derivative(ctx)
    ctx.needs_kind("task", "query", "group")
    for case in ctx.cases:
        if case.family.direct:
            continue  # that term of a task's loss is no query instance's
        weights = case.truth_run.weights  # type: ignore[attr-defined]
        there = np.flatnonzero(weights.query[1]).tolist()
        rows = [query(1, j) for j in there]
        both = group([task(0), query(1, 0)])
        got = ctx.ask(case, [task(1), both, task(0), *rows])
        # d/dv_j carries the task's weight, and v_j d/dv_j add up to w d/dw
        want = np.einsum("j,jk->k", weights.query[1, there], got[3:]) / weights.task[1]
        allowed = (4 * len(rows) * ctx.tolerance(case)[0], "sums of answers")
        ctx.compare(
            case, [task(1)], got[:1], want[None], "query instances do not add up", allowed=allowed
        )
        ctx.compare(
            case, [both], got[1:2], (got[2] + got[3])[None], "not the members' sum", allowed=allowed
        )
