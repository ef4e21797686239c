"""What checks of claims about runs need: whose they are, and a run under another recipe."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.context import Context
from metainfl.oracle.estimands.estimand import Evidence
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.runs.case import RunCase, run_case
from metainfl_reference.estimands.trajectory import Recipe

Array = np.ndarray
RUN: tuple[Evidence, ...] = ("run",)
DERIVATIVES = ("run_derivative", "run_score")


def needs_derivative(ctx: Context) -> None:
    """Skip what only the derivative of a run obeys."""
    if ctx.claim.estimand not in DERIVATIVES:
        raise Skipped(f"a law of the run's derivative; the claim is {ctx.claim.estimand}")
    ctx.needs_values()


def seen(case: RunCase, ctx: Context, rows: Array) -> Array:
    """Shifts of lam_S (n, p) as the estimand has them."""
    return rows @ case.known.target_gradients if ctx.estimand.per_target else rows


def with_batches(recipe: Recipe, batches: tuple[tuple[int, ...], ...]) -> Recipe:
    """The same recipe on other batches."""
    own = {**vars(recipe), "batches": batches}
    return Recipe(**own)


def under(base: RunCase, recipe: Recipe, words: str, start: Array | None = None) -> RunCase:
    """The case's family under another recipe, its targets kept."""
    code = f"# {base.code}, {words}: {recipe}"
    at = base.start if start is None else start
    assert at is not None
    return run_case(f"{base.name}, {words}", base.family, recipe, start=at, weights=base.weights,
                    targets=base.targets, code=code)  # fmt: skip
