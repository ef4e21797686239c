"""Gauss-Newton and the Fishers as the fit gets worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.ledger.split import estimate
from metainfl.report.style import series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOISE = (0.0, 0.1, 0.3, 1.0, 3.0)
LABELS = (0.0, 0.1, 0.2, 0.4)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Noise of the targets (linear representation), share of wrong labels (MAML softmax)."""
    out = [{"family": "linear_representation", "noise": x} for x in NOISE]
    if not quick:
        out += [{"family": "maml_softmax", "noise": x} for x in LABELS]
    return [{**c, "curvature": k} for c in out for k in ("Gauss-Newton", "empirical Fisher")]


def compute(family: str, noise: float, curvature: str) -> dict[str, Any]:
    """Curvature in place of H, everything else exact."""
    name = "noise" if family == "linear_representation" else "label_noise"
    case = case_of(family, **{name: noise})
    pis = asked(case, "task", 24)
    found = estimate(case.problem(), pis, curvature=curvature)
    loss = float(case.problem().losses(case.problem().lam).mean())
    return vectors(found, case.truth("derivative", pis), "T1") | {"mean loss": loss}


def draw(axes: Axes, rows: list[Row]) -> None:
    """Error against noise, linear representation."""
    rows = [r for r in rows if r["family"] == "linear_representation"]
    series(axes, rows, "noise", "T1 error", "curvature")
    axes.set(
        yscale="log",
        xlabel="standard deviation of the targets about the line",
        ylabel="relative error against T1",
    )
    axes.set_title("Gauss-Newton as the fit gets worse (linear representation)")
    axes.legend()


QUESTION = ask(
    Question(
        "fit",
        "When does Gauss-Newton stand for the Hessian?",
        "It leaves out residuals times second derivatives of the outputs: close when the fit is good, off "
        "when residuals are large. The empirical Fisher is something else at every fit.",
        cells,
        compute,
        draw,
        ("family", "noise", "curvature", "mean loss", "T1 error", "T1 cosine"),
    )
)
