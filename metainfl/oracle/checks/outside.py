"""Two problems that share lam, data and adapted parameters: only what is outside of adaptation differs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Skipped
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.episodes import Weights

#: powers of two change no digit: what they show is a threshold that does not go with the problem's size
FACTORS = (3.0, 2.0**-30, 2.0**30)


@check(
    "laws",
    "query weights and outer_reg times c leave lam*, divide query influences by c, and no other; weights "
    "that leave lam* and outer_reg move H",
)
def scaling_what_is_outside(ctx: Context) -> None:
    case, pis = a_few(ctx)
    f, kinds = case.family, [p.kind for p in pis if p.kind != "group"]
    linear = ctx.estimand.project(case.known, np.zeros((1, f.n_meta))) is not None
    if not linear or not kinds or ctx.claim.accuracy == "rank":
        raise Skipped("needs values that are linear in d lam*/d weight, of single data")
    pis = [p for p in pis if p.kind != "group"]
    # apart: their sizes part by c, and a claimed tolerance is one of all rows together
    queries = [p for p in pis if p.kind == "query"]
    for own, power in (queries, 1), ([p for p in pis if p.kind != "query"], 0):
        if own:
            _scales(ctx, case, own, power)
    for case, own in ctx.usable(limit=3):
        weights = _another_hessian(case, ctx.seed)
        if weights is not None:
            _moved(ctx, case, [p for p in own if p.kind != "group"], weights)
            return
    raise Skipped(
        "F times a number: holds; that weights which leave lam* may move H could not be asked, since no case "
        "has more queries than their gradients have directions"
    )


def _scales(ctx: Context, case: Case, pis: list[Perturbation], power: int) -> None:
    """Influences go as c^-power where F is c times as large."""
    before, (tolerance, source) = ctx.ask(case, pis), ctx.tolerance(case)
    # a claimed tolerance, of a damping or a step that is a number, is about problems of usual size
    for c in FACTORS[:1] if isinstance(ctx.claim.accuracy, float) else FACTORS:
        words = "answers for another problem with the same lam"
        if c != FACTORS[0]:
            words = (
                f"another answer where F is {c:.2g} times as large: a threshold that is no ratio"
            )
        ctx.compare(case, pis, c**power * ctx.ask(case, pis, _scaled(case, c)), before, words,
                    allowed=(20 * tolerance, f"20 times {source}"))  # fmt: skip


def a_few(ctx: Context) -> tuple[Case, list[Perturbation]]:
    """A few of each kind on the first drawn case: of more eigenvalues than iterations end at by luck."""
    drawn, pis = ctx.space("wide")[0]
    case = drawn.once("of no direct", lambda: _of_no_direct(drawn))
    some: list[Perturbation] = []
    for kind in ctx.claim.kinds:
        own = [p for p in pis if p.kind == kind]
        some += [
            own[i] for i in np.unique(np.linspace(0, len(own) - 1, min(len(own), 3)).astype(int))
        ]
    return case, some


def _of_no_direct(case: Case) -> Case:
    """The same without the term that is in a target's loss too, where nothing multiplies it."""
    family = copy.copy(case.family)
    family.direct = 0.0
    return replace(
        case, name=f"{case.name}, direct 0", family=family, code=f"# {case.code} with direct 0"
    )


def _moved(ctx: Context, case: Case, pis: Sequence[Perturbation], weights: Weights) -> None:
    """Weights that leave lam* and outer_reg, and move H: a Hessian that was kept is another one."""
    f, (tolerance, source) = case.family, ctx.tolerance(case)
    at = f.solve(weights, start=case.solution.lam)
    problem = case.problem(weights=weights)
    problem.lam = torch.tensor(case.solution.lam)
    moved = ctx.estimand.project(case.known, case.influence(pis, at))
    assert moved is not None
    ctx.ask(case, pis)  # what a cache by lam and outer_reg would answer with
    want = ctx.factor(case) * moved.reshape(len(pis), -1)
    ctx.compare(case, pis, ctx.ask(case, pis, problem), want,
                "answers for other query weights, of which lam* and outer_reg are the same",
                allowed=(20 * tolerance, f"20 times {source}"))  # fmt: skip


def _another_hessian(case: Case, seed: int) -> Weights | None:
    """Query weights under which grad F at lam* is still 0: moved by what their gradients cancel in; None
    where they cancel in nothing.
    """
    pis = case.perturbations(["query"])
    slopes = case.cross_derivatives(pis)
    _, sizes, v = np.linalg.svd(slopes)
    free = v[int((sizes > 1e-9 * sizes[0]).sum()) :]
    if not len(free):
        return None
    move = free.T @ free @ np.random.default_rng(seed).standard_normal(len(pis))
    weights = Weights.ones(case.family.episodes)
    for p, step in zip(pis, 0.4 * move / max(float(np.abs(move).max()), 1e-300), strict=True):
        weights.query[p.task, p.instance] += step
    return weights


def _scaled(case: Case, c: float) -> Problem:
    """F times c, and adaptation as it was."""
    w = case.solution.weights
    other, scaled = copy.copy(case), copy.copy(case.family)
    scaled.d_out = c * case.family.d_out
    other.__dict__.update(family=scaled)
    problem = other.problem(weights=Weights(w.task, w.support, c * w.query))
    problem.lam = torch.tensor(case.solution.lam)
    return problem
