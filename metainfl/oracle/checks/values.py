"""Axioms of semivalues: for claims of Shapley, Banzhaf and other values over tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from metainfl.oracle.bridge import tasks_of
from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import task
from metainfl_reference.episodes import Weights
from metainfl_reference.generators import build, with_duplicate, with_null


@check("values", "Shapley values add up to the value of all tasks minus that of none (efficiency)")
def values_are_efficient(ctx: Context) -> None:
    if ctx.claim.estimand != "shapley":
        raise Skipped("only the Shapley value is efficient; not claimed")
    ctx.needs_values()
    every = [case for case, _ in ctx.usable()]
    for case in (*every, every[0].once("light", lambda: _light(every[0]))):
        pis = case.perturbations(["task"])
        got = ctx.ask(case, pis).sum(axis=0)
        whole = np.array([g.value[-1] - g.value[0] for g in case.known.games])
        _near(ctx, case, got, ctx.claim.factor(len(pis)) * whole, "the values do not add up")


@check("values", "equal tasks have equal values, a task without gradient has none")
def values_are_symmetric_and_null(ctx: Context) -> None:
    if ctx.claim.estimand not in ("shapley", "banzhaf", "expected_removal"):
        raise Skipped("an axiom of semivalues; not claimed")
    ctx.needs_values()
    for case, _ in ctx.usable():
        f = case.family
        e = with_null(with_duplicate(f.episodes, 0))
        other = Case(f"{case.name} with a duplicate and a null task", build(f.name, e), "")
        problem = case.problem().replaced(tasks=tasks_of(e), lam=torch.tensor(other.solution.lam))
        n = e.n_tasks
        got = ctx.ask(other, [task(0), task(n - 2), task(n - 1)], problem)
        _near(ctx, other, got[0], got[1], "two equal tasks have different values")
        scale = np.abs(got[0]).max()
        if np.abs(got[2]).max() > max(1e-9, ctx.tolerance(other)[0]) * max(scale, 1e-300):
            raise Failed("a task without gradient has a value", where=other.name)


def _light(case: Case) -> Case:
    """The last task at a weight of 2^-10: what it adds to the others is little, and not nothing."""
    weights = Weights.ones(case.family.episodes)
    weights.task[-1] = 2.0**-10
    words = "a task of weight 2^-10"
    return replace(
        case, name=f"{case.name}, {words}", weights=weights, code=f"# {case.code}, {words}"
    )


def _near(ctx: Context, case: Case, got: np.ndarray, want: np.ndarray, words: str) -> None:
    tolerance = 100 * ctx.tolerance(case)[0]  # sums of losses over 2^T solves
    gap = float(np.abs(got - want).max()) / max(float(np.abs(want).max()), 1e-300)
    if gap > tolerance:
        raise Failed(words, where=case.name, error=gap, tolerance=tolerance)
