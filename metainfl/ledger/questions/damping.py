"""Error against damping: the price of a better-conditioned system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metainfl.influence.implicit import influence
from metainfl.ledger.measure import order, vectors
from metainfl.ledger.problems import asked, case_of, removals, true_scores
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VALUES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Damping in the units of F's Hessian."""
    families = (
        ("proximal_ridge",) if quick else ("proximal_ridge", "proximal_softmax", "maml_softmax")
    )
    return [{"family": f, "damping": d} for f in families for d in VALUES]


def compute(family: str, damping: float) -> dict[str, Any]:
    """Against the derivative and against removal."""
    case = case_of(family)
    pis = asked(case, "task", 24)
    kept, removed = removals(case, pis)
    pis = [pis[i] for i in kept]
    found = influence(case.problem(), pis, damping=damping).value.numpy()
    out = vectors(found, case.truth("derivative", pis), "T1") | vectors(found, removed, "T2")
    certificate = case.solution.certificate
    out |= {"smallest": certificate.smallest, "largest": certificate.largest}
    return out | order(-found @ case.target_gradients, true_scores(case, removed), "T2")


def draw(axes: Axes, rows: list[Row]) -> None:
    """Error against T2, log-log."""
    series(axes, rows, "damping", "T2 error", "family")
    for r in {r["family"]: r for r in rows if "smallest" in r}.values():
        axes.axvline(r["smallest"], color="0.7", linewidth=0.7)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="damping added to H (grey: its smallest eigenvalue)",
        ylabel="relative error against T2",
    )
    axes.set_title("Damping")
    axes.legend()


QUESTION = ask(
    Question(
        "damping",
        "How much damping is harmless?",
        "Below the smallest eigenvalue of H damping changes nothing that matters; above it the error grows "
        "towards 1, while ranks survive much longer (the table's Spearman column).",
        cells,
        compute,
        draw,
        ("family", "damping", "T1 error", "T2 error", "T2 rescaled", "T2 Spearman"),
    )
)
