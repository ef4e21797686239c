"""Laws of units: what inputs or targets a thousand times as large do, where all else goes with them.

With inputs times s a model linear in lam gives the same outputs at lam / s; regularisers of parameters
(outer_reg, inner_reg, direct) times s^2 and rates over s^2 then leave F and every inner step as they are. The
squared loss with targets times s is s^2 times itself at s lam. Powers of two change no digit: what differs is
a clamp, a rounding to fixed places or a threshold that is no ratio.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import loose
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.drawn_sizes import EMBEDDED
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.generators import CLASSIFICATION

UNITS = (2.0**10, 2.0**-10)


@check("laws", "inputs in other units, and targets: lam goes with them, and so does its influence")
def units_do_not_matter(ctx: Context) -> None:
    ctx.needs_derivative()
    if isinstance(ctx.claim.accuracy, float):  # of differences with a fixed step, say
        raise Skipped("a claimed relative tolerance is about problems in units near 1")
    usable = ctx.usable(limit=3)
    for case, pis in usable:
        _in_other_units(ctx, case, pis, torch.float64, loose(ctx, case))
    case, pis = usable[0]  # a floor or a jitter of float32 alone
    tolerance, source = ctx.measured_tolerance(case, pis, torch.float32)
    try:
        _in_other_units(ctx, case, pis, torch.float32, (4 * tolerance, f"4 times {source}"))
    except Failed as error:
        if (
            "NotStationary" not in error.message
        ):  # lam rounded to float32 may be refused, and by name
            raise


def _in_other_units(
    ctx: Context,
    case: Case,
    pis: list[Perturbation],
    dtype: torch.dtype,
    allowed: tuple[float, str],
) -> None:
    """Inputs and targets times each of `UNITS`, in this precision."""
    before = ctx.ask(case, pis, case.problem(dtype))
    words = "" if dtype == torch.float64 else ", in float32"
    for s in UNITS:
        got = ctx.ask(case, pis, _of_inputs(case, s, dtype)) * _per_input(pis, s)
        ctx.compare(case, pis, got, before, f"another answer with inputs {s:g} times as large{words}",
                    allowed=allowed, code=f"# {case.code} with inputs times {s:g}{words}")  # fmt: skip
        if case.family.name in CLASSIFICATION:
            continue
        problem, power = _of_targets(case, s, dtype)
        got = ctx.ask(case, pis, problem) / s**power
        ctx.compare(case, pis, got, before, f"another answer with targets {s:g} times as large{words}",
                    allowed=allowed, code=f"# {case.code} with targets times {s:g}{words}")  # fmt: skip


def _per_input(pis: Sequence[Perturbation], s: float) -> np.ndarray:
    """What d lam*/d pi is divided by (n, 1): s, and once more for an input that is moved."""
    return np.array([[s * (s if p.kind.endswith("input") else 1.0)] for p in pis])


def _of_inputs(case: Case, s: float, dtype: torch.dtype) -> Problem:
    """The problem with inputs times s, at lam / s."""
    f = copy.copy(case.family)
    e = f.episodes
    f.episodes = replace(e, support_x=s * e.support_x, query_x=s * e.query_x)
    f.d_out, f.direct = s**2 * f.d_out, s**2 * f.direct
    if f.name not in EMBEDDED:  # a head's regulariser is one of features, which stay as they are
        f.d_in = s**2 * f.d_in
    if hasattr(f, "alpha"):
        f.alpha = f.alpha / s**2
    return _at(case, f, 1 / s, dtype)


def _of_targets(case: Case, s: float, dtype: torch.dtype) -> tuple[Problem, int]:
    """The problem with targets times s, and the power of s that its influence has."""
    f = copy.copy(case.family)
    e = f.episodes
    f.episodes = replace(e, support_y=s * e.support_y, query_y=s * e.query_y)
    if f.name in EMBEDDED:  # the head takes the factor, and F is s^2 times as large at the same lam
        f.d_out = s**2 * f.d_out
        return _at(case, f, 1.0, dtype), 0
    return _at(case, f, s, dtype), 1


def _at(case: Case, family: object, factor: float, dtype: torch.dtype) -> Problem:
    other = copy.copy(case)
    other.__dict__["family"] = family
    problem = other.problem(dtype)
    problem.lam = torch.tensor(factor * case.solution.lam)
    return problem
