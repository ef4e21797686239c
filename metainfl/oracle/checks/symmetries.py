"""Laws of symmetries: what turning or scaling a problem does to its influences, and what nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from metainfl.oracle.bridge import tasks_of
from metainfl.oracle.checks.parts import LINEAR, loose
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl_reference.episodes import Weights


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
                    allowed=loose(ctx, case))  # fmt: skip


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
                    allowed=loose(ctx, case, 10))  # fmt: skip


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
                    allowed=loose(ctx, case))  # fmt: skip
    if not found:
        raise Skipped("no family with a symmetry among the cases")
