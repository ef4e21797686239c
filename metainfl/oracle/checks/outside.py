"""Two problems that share lam, data and adapted parameters: only what is outside of adaptation differs."""

from __future__ import annotations

import copy

import numpy as np
import torch

from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.episodes import Weights

FACTOR = 3.0


@check(
    "laws",
    "query weights and outer_reg times 3 leave lam*, divide query influences by 3, and no other",
)
def scaling_what_is_outside(ctx: Context) -> None:
    case, pis = ctx.usable(limit=3)[0]
    f, kinds = case.family, [p.kind for p in pis if p.kind != "group"]
    linear = ctx.estimand.project(case.known, np.zeros((1, f.n_meta))) is not None
    if not linear or not kinds or ctx.claim.accuracy == "rank":
        raise Skipped("needs values that are linear in d lam*/d weight, of single data")
    pis = [p for p in pis if p.kind != "group"]
    ones = Weights.ones(f.episodes)
    other, scaled = copy.copy(case), copy.copy(f)
    scaled.d_out = FACTOR * f.d_out
    other.__dict__.update(family=scaled)
    problem = other.problem(weights=Weights(ones.task, ones.support, FACTOR * ones.query))
    problem.lam = torch.tensor(case.solution.lam)
    before = ctx.ask(case, pis)
    tolerance, source = ctx.tolerance(case)
    want = before / np.array([_share(p) for p in pis])[:, None]
    ctx.compare(case, pis, ctx.ask(case, pis, problem), want, "answers for another problem with the same lam",
                allowed=(20 * tolerance, f"20 times {source}"))  # fmt: skip


def _share(p: Perturbation) -> float:
    """What the influence is divided by."""
    return FACTOR if p.kind == "query" else 1.0
