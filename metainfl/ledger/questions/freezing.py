"""What freezing the inner inverse costs support instance-IF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metainfl.adaptation import Proximal
from metainfl.ledger.measure import order, vectors
from metainfl.ledger.problems import asked, case_of, removals, true_scores
from metainfl.ledger.question import Question, Row, ask
from metainfl.ledger.split import estimate
from metainfl.methods import instance_if_frozen
from metainfl.report.style import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REGS = (0.1, 0.3, 1.0, 3.0, 10.0)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Proximal softmax over the inner regulariser."""
    return [{"d_in": d} for d in (REGS[::4] if quick else REGS)]


def compute(d_in: float) -> dict[str, Any]:
    """Inverse held in Proposition 4.8; and dtheta/dlam held altogether."""
    case = case_of("proximal_softmax", d_in=d_in)
    general = case.problem().replaced(
        adaptation=Proximal(d_in), lam=torch.tensor(case.solution.lam)
    )
    pis = asked(case, "support", 10)
    truth = case.truth("derivative", pis)
    held = instance_if_frozen(general, pis).numpy()
    crude = estimate(case.problem(), pis, "inverse held")
    kept, removed = removals(case, pis)
    out = vectors(held, truth, "inverse held") | vectors(crude, truth, "derivative held")
    actual, g = true_scores(case, removed), case.target_gradients
    for name, found in (("exact", truth), ("inverse held", held)):
        out |= order(-found[kept] @ g, actual, f"T2 {name}")
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    """Both ways of freezing."""
    x = [r["d_in"] for r in rows]
    line(axes, x, [r.get("inverse held error") for r in rows], "inner inverse held in Prop. 4.8", 0)
    line(
        axes, x, [r.get("derivative held error") for r in rows], "d theta/d lam held altogether", 1
    )
    axes.set(xscale="log", xlabel="inner regulariser d_in", ylabel="relative error against T1")
    axes.set_ylim(bottom=0)
    axes.set_title("Freezing the inner inverse (support instances, proximal softmax)")
    axes.legend()


QUESTION = ask(
    Question(
        "freezing",
        "May the inner inverse be treated as a constant?",
        "Two-stage implementations differentiate inner-IF with the inverse of the inner Hessian held fixed. "
        "Nothing is lost for ridge, where that Hessian is constant; this is what is lost for softmax.",
        cells,
        compute,
        draw,
        (
            "d_in",
            "inverse held error",
            "derivative held error",
            "T2 exact Spearman",
            "T2 inverse held Spearman",
        ),
    )
)
