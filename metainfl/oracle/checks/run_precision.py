"""Options along a run: single precision."""

from __future__ import annotations

import numpy as np
import torch

from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import check
from metainfl.oracle.checks.run_parts import RUN
from metainfl.oracle.comparing import differenced
from metainfl.oracle.context import Context
from metainfl.problem.perturbation import Perturbation


@check("options", "float32 gives the float64 answer to single precision, along a run too", RUN)
def run_in_single_precision(ctx: Context) -> None:
    ctx.needs_values()
    for case, pis in ctx.space()[: 3 if ctx.quick else None]:
        got = ctx.ask(case, pis, case.problem(torch.float32))
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong in float32 along a run",
                    allowed=in_single(ctx, case, pis))  # fmt: skip


def in_single(ctx: Context, case: Case, pis: list[Perturbation]) -> tuple[float, str]:
    """What an answer in float32 may be off by, and why."""
    claimed = ctx.claim.accuracy if isinstance(ctx.claim.accuracy, float) else 0.0
    want = ctx.truth(case, pis)
    if claimed:  # what is differenced in float64 is good to less in float32
        claimed = max(claimed, differenced(torch.float32, _seen(case, want))) * case.stretch
    rounding = case.rounding(pis, torch.float32)
    if ctx.estimand.edit:  # rounding of lam_S, seen beside a shift
        rounding *= _seen(case, want)
    size = ctx.estimand.subtracted(case.known)
    if size:  # of losses, seen beside their differences
        rounding *= max(1.0, size * len(want) ** 0.5 / max(float(np.linalg.norm(want)), 1e-300))
    return min(1.0, max(claimed, rounding)), "16 sqrt(p S) eps cond(inner) growth"


def _seen(case: Case, rows: np.ndarray) -> float:
    """How much smaller than lam_S its rows are (1 for scores): what rounding of lam_S is multiplied by."""
    lam = case.solution.lam
    if rows.shape[-1] != len(lam):
        return 1.0
    size = max(float(np.linalg.norm(rows)) / len(rows) ** 0.5, 1e-300)
    return max(1.0, float(np.linalg.norm(lam)) / size)
