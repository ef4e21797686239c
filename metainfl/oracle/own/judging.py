"""How the checks on one's own problem decide: a solve or a reason, and what may differ by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from metainfl.errors import MetainflError
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.own.context import OwnContext

T = TypeVar("T")
NOISY = 0.05  # a truth that is known no better than this decides nothing


def solved(ctx: OwnContext, solve: Callable[[], T]) -> T:
    """A solve's result; where it has none, or not while the budget lasts, nothing can be said."""
    try:
        with ctx.within():
            return solve()
    except MetainflError as error:
        raise Skipped(f"could not be solved again: {error}") from error


def same(ctx: OwnContext, a: np.ndarray, b: np.ndarray, what: str) -> None:
    """`Failed` where two answers to one question differ."""
    # other columns are summed in another order, which a condition number magnifies
    off = distance(a, b).relative
    allowed = max(1e4 * float(torch.finfo(ctx.problem.lam.dtype).eps), ctx.allowed(0.0)[0])
    if off > allowed:
        raise Failed(what, error=off, tolerance=allowed)


def judge(
    ctx: OwnContext,
    got: np.ndarray,
    want: np.ndarray,
    error: float,
    what: str,
    names: Sequence[str],
) -> None:
    """`Failed` where values are further apart than is claimed, and than the truth is off by."""
    allowed, source = ctx.allowed(error)
    gaps = np.linalg.norm(got - want, axis=1)
    d = distance(got, want)
    if not d.relative <= allowed:
        raise Failed(
            what,
            where=f"{names[int(gaps.argmax())]} of {len(want)} solved again",
            error=d.relative,
            tolerance=allowed,
            tolerance_from=source,
            ratio=d.ratio,
        )
