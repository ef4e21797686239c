"""How far from the minimiser lam may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OFF = (1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def cells(quick: bool) -> list[dict[str, Any]]:
    """lam moved in a random direction by a share of its own length."""
    families = (
        ("proximal_softmax",) if quick else ("proximal_ridge", "proximal_softmax", "maml_softmax")
    )
    return [{"family": f, "off": x} for f in families for x in (OFF[::2] if quick else OFF)]


def compute(family: str, off: float) -> dict[str, Any]:
    """The formula used where it does not hold; and the relative gradient that gives it away."""
    case = case_of(family)
    lam = case.solution.lam
    push = np.random.default_rng(0).standard_normal(lam.shape)
    problem, pis = case.problem(), asked(case, "task", 12)
    problem.lam = torch.tensor(lam + off * np.linalg.norm(lam) * push / np.linalg.norm(push))
    found = influence(problem, pis, allow_nonstationary=True)
    return vectors(found.value.numpy(), case.truth("derivative", pis), "T1") | {
        "residual": found.residual
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """Against the residual, which a user can see."""
    for n, family in enumerate(dict.fromkeys(r["family"] for r in rows)):
        own = [r for r in rows if r["family"] == family and r.get("T1 error")]
        line(axes, [r["residual"] for r in own], [r["T1 error"] for r in own], family, n)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="relative gradient at lam (problem.residual)",
        ylabel="relative error against T1",
    )
    axes.set_title("Away from the minimiser")
    axes.legend()


QUESTION = ask(
    Question(
        "stationarity",
        "How well must the learner be trained?",
        "The error is one and a half to three times the residual that metainfl reports: for an error of "
        "1 % train to a relative gradient of about 4e-3.",
        cells,
        compute,
        draw,
        ("family", "off", "residual", "T1 error", "T1 cosine"),
    )
)
