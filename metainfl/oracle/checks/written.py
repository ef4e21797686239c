"""Laws of notation: one problem written down in another way that `Tasks` takes has the same influences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from metainfl.derive.problem import Problem
from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.problem.perturbation import Perturbation, group
from metainfl.problem.tasks import Tasks

NUMBERED = ("single_softmax", "proximal_softmax", "maml_softmax")  # prototypes take no numbers
SIDES = ("support", "query")


@check(
    "laws",
    "labels as whole numbers, and tasks of their own sizes without padding, are the same problem",
)
def notation_does_not_matter(ctx: Context) -> None:
    ctx.needs_derivative()
    refused: list[str] = []
    asked = 0
    for case, pis in ctx.space("wide")[: 2 if ctx.quick else None]:
        own = _some(ctx, pis)
        there = [_place(case, p) for p in own]
        asked += _same(
            ctx, case, own, there, _unpadded(case), "of tasks of different sizes", refused
        )
    for case, pis in ctx.usable(limit=2):
        if case.family.name in NUMBERED:
            asked += _same(
                ctx, case, pis, pis, _numbered(case), "where labels are numbers", refused
            )
    if not asked:
        raise Skipped(f"refuses them: {refused[0]}" if refused else "no family to ask it of")


def _same(
    ctx: Context,
    case: Case,
    pis: list[Perturbation],
    there: list[Perturbation],
    problem: Problem,
    words: str,
    refused: list[str],
) -> bool:
    """Whether it answered, rightly; that it raises is no wrong answer, and is kept."""
    try:
        got = ctx.ask(case, there, problem)
    except Failed as error:
        if not error.message.startswith("raised"):
            raise
        refused.append(error.message)
        return False
    ctx.compare(case, pis, got, ctx.truth(case, pis), f"wrong {words}", allowed=either(ctx, case, pis),
                code=f"# {case.code}, {words}")  # fmt: skip
    return True


def _some(ctx: Context, pis: Sequence[Perturbation]) -> list[Perturbation]:
    """Ten of each kind, spread over the tasks; inputs of ragged tasks have no common axes."""
    out: list[Perturbation] = []
    for kind in (k for k in ctx.claim.kinds if not k.endswith("input")):
        own = [p for p in pis if p.kind == kind]
        out += own[:: max(1, len(own) // 10)]
    return out


def _unpadded(case: Case) -> Problem:
    """The problem without the rows of weight 0: its tasks have different sizes."""
    problem, given = case.problem(), []
    t = problem.tasks
    for k in range(t.n_tasks):
        one = {"task_weight": t.w[k]}
        for side in SIDES:
            kept = getattr(t, f"{side}_weight")[k] != 0
            one |= {f"{side}_{n}": getattr(t, f"{side}_{n}")[k][kept] for n in ("x", "y", "weight")}
        given.append(one)
    return problem.replaced(tasks=Tasks.ragged(given))


def _place(case: Case, p: Perturbation) -> Perturbation:
    """The same datum where padding is left out."""
    if p.kind == "group":
        return group([_place(case, m) for m in p.members])
    if p.kind not in SIDES:
        return p
    weights = getattr(case.solution.weights, p.kind)[p.task, : p.instance]
    return replace(p, instance=int((weights != 0).sum()))


def _numbered(case: Case) -> Problem:
    """The problem with the number of each instance's class for its label."""
    problem = case.problem()
    t = problem.tasks
    given = (t.support_x, t.support_y.argmax(-1), t.query_x, t.query_y.argmax(-1))
    tasks = Tasks(*given, t.w, t.support_weight, t.query_weight)
    return problem.replaced(tasks=tasks, lam=torch.clone(problem.lam))
