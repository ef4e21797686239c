"""Implicit differentiation of a learner that took k gradient steps: wrong until k is large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metainfl.adaptation import Proximal, Unrolled
from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (1, 2, 4, 8, 16, 32, 64)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Steps on the proximal inner objective, at a rate of half the inverse curvature."""
    families = ("proximal_ridge",) if quick else ("proximal_ridge", "proximal_softmax")
    return [{"family": f, "steps": k} for f in families for k in (STEPS[::3] if quick else STEPS)]


def compute(family: str, steps: int) -> dict[str, Any]:
    """The k-step learner is minimised itself; its exact influence differentiates the k steps."""
    case = case_of(family, tasks=8)
    x = torch.tensor(case.family.episodes.support_x)
    rate = 0.5 / (float(torch.linalg.matrix_norm(x, 2).max()) ** 2 + case.family.d_in)
    learner = case.problem().replaced(
        adaptation=Unrolled(steps, rate, inner_reg=case.family.d_in), lam=None
    )
    learner.solve(torch.tensor(case.solution.lam))
    pis = asked(case, "task", 8) + asked(case, "support", 8)
    truth = influence(learner, pis).value.numpy()
    implicit = learner.replaced(adaptation=Proximal(case.family.d_in))
    found = influence(implicit, pis, allow_nonstationary=True).value.numpy()
    limit = case.truth("derivative", pis)
    return vectors(found, truth, "T1") | vectors(truth, limit, "limit")


def draw(axes: Axes, rows: list[Row]) -> None:
    """Error of the implicit formula on the k-step learner."""
    series(axes, rows, "steps", "T1 error", "family")
    series(
        axes,
        [{**r, "family": f"{r['family']}, learner to its limit"} for r in rows],
        "steps",
        "limit error",
        "family",
        start=3,
    )
    axes.set(xscale="log", yscale="log", xlabel="inner gradient steps k", ylabel="relative error")
    axes.set_title("Implicit formula on a learner of k steps")
    axes.legend()


QUESTION = ask(
    Question(
        "inner-steps",
        "When may an unrolled learner be differentiated implicitly?",
        "Circles and squares: the implicit formula against the exact derivative of the k steps. It is wrong "
        "until the inner problem has converged, at the rate at which the learner itself approaches its "
        "limit (the other two lines).",
        cells,
        compute,
        draw,
        ("family", "steps", "T1 error", "T1 cosine", "limit error"),
    )
)
