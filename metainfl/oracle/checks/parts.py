"""What several checks need: families with every law, what answers may differ by, what else a call does."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace

import torch

from metainfl.errors import MetainflError
from metainfl.oracle.besides import Besides
from metainfl.oracle.case import Case
from metainfl.oracle.context import Context
from metainfl.oracle.drawn_sizes import SAME_SPACE
from metainfl.oracle.gathered import gathered
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.returned import Raised, Returned
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.errors import TruthError

LINEAR = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax", "single_ridge",
          "single_softmax")  # fmt: skip


def loose(ctx: Context, case: Case, cancellation: float = 2.0) -> tuple[float, str]:
    """Two answers each within tolerance, and cancellation in their difference."""
    tolerance, source = ctx.tolerance(case)
    return 2 * cancellation * tolerance, f"{2 * cancellation:g} times {source}"


def manners(
    ctx: Context, case: Case, pis: list[Perturbation], dtype: torch.dtype = torch.float64
) -> Returned | Raised:
    """What a call does besides returning; that it raises is for returns_an_array to say."""
    try:
        return ctx.raw(case, pis, case.problem(dtype))
    except Failed as failure:
        if failure.call is None:
            raise
        return failure.call


def everywhere(ctx: Context) -> list[Besides]:
    """What the first call of all and those on drawn cases did besides returning, one in float32 too.

    Asked once a context: the truth check asks the same cases, and does not ask them again.
    """
    if ctx.everywhere is None:
        first = 0 if ctx.gathered else len(ctx.besides)
        with contextlib.suppress(Failed, Skipped, MetainflError, TruthError):
            if ctx.claim.accuracy != "rank":
                gathered(ctx)
            for case, pis in ctx.space() if ctx.claim.accuracy == "rank" else ():
                manners(ctx, case, pis)
        with contextlib.suppress(Failed, Skipped, MetainflError, TruthError):
            case, pis = ctx.space("wide")[0]
            manners(ctx, case, pis, torch.float32)
        ctx.everywhere = [*ctx.besides[: min(first, 1)], *ctx.besides[first:]]
    return ctx.everywhere


def with_direct(case: Case) -> Case:
    """The case with a direct term, where its family can have one."""
    family = copy.copy(case.family)
    family.direct = 0.3 if family.name in SAME_SPACE else family.direct
    return replace(case, family=family, code=f"# {case.code} with direct {family.direct:g}")


def either(ctx: Context, case: Case, pis: list[Perturbation]) -> tuple[float, str]:
    """What is allowed of anything asked of the case, or of these rows where that is more."""
    return max(ctx.tolerance(case), ctx.measured_tolerance(case, pis))
