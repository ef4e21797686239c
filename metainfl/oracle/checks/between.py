"""A law of weights: those of tasks over c, and those of their queries times c, are the same F.

What is kept by lam, the Hessian or F is found again; the derivative in a task's weight is then c times as
large, and that in a query's weight 1/c times. Powers of two change no digit.
"""

from __future__ import annotations

import numpy as np

from metainfl.oracle.checks.outside import a_few
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl_reference.episodes import Weights

TIMES = (2.0, 0.5, 4.0)


@check(
    "laws", "a task's weight over c and its queries' times c leave F, and derivatives go with them"
)
def weight_moves_between_task_and_queries(ctx: Context) -> None:
    case, pis = a_few(ctx)
    pis = [p for p in pis if p.kind != "group"]
    linear = ctx.estimand.project(case.known, np.zeros((1, case.family.n_meta))) is not None
    if not linear or not pis or ctx.claim.accuracy == "rank":
        raise Skipped("needs values that are linear in d lam*/d weight, of single data")
    w = case.solution.weights
    c = np.resize(TIMES, len(w.task))
    moved = Weights(w.task / c, w.support, w.query * c[:, None])
    power = {"task": 1, "query": -1}
    factors = np.array([c[p.task] ** power.get(p.kind, 0) for p in pis])
    tolerance, source = ctx.tolerance(case)
    problem = case.problem(weights=moved)
    ctx.compare(case, pis, ctx.ask(case, pis, problem), factors[:, None] * ctx.ask(case, pis),
                "answers for other weights of which F is the same",
                allowed=(20 * tolerance, f"20 times {source}"))  # fmt: skip
