"""What several checks need: families with every law, what answers may differ by, what else a call does."""

from __future__ import annotations

from metainfl.oracle.case import Case
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed
from metainfl.oracle.returned import Raised, Returned
from metainfl.problem.perturbation import Perturbation

LINEAR = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax", "single_ridge",
          "single_softmax")  # fmt: skip


def loose(ctx: Context, case: Case, cancellation: float = 2.0) -> tuple[float, str]:
    """Two answers each within tolerance, and cancellation in their difference."""
    tolerance, source = ctx.tolerance(case)
    return 2 * cancellation * tolerance, f"{2 * cancellation:g} times {source}"


def manners(ctx: Context, case: Case, pis: list[Perturbation]) -> Returned | Raised:
    """What a call does besides returning; that it raises is for returns_an_array to say."""
    try:
        return ctx.raw(case, pis, case.problem())
    except Failed as failure:
        if failure.call is None:
            raise
        return failure.call


def either(ctx: Context, case: Case, pis: list[Perturbation]) -> tuple[float, str]:
    """What is allowed of anything asked of the case, or of these rows where that is more."""
    return max(ctx.tolerance(case), ctx.measured_tolerance(case, pis))
