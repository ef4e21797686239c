"""Error against the length of the Neumann series, with the predicted rate beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metainfl.curvature import exact
from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import line
from metainfl.solve import LiSSA, Neumann

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Two families, each length."""
    families = (
        ("proximal_ridge",) if quick else ("proximal_ridge", "proximal_softmax", "single_softmax")
    )
    return [{"family": f, "terms": j} for f in families for j in LENGTHS[:: 2 if quick else 1]]


def compute(family: str, terms: int) -> dict[str, Any]:
    """Scaled series, its prediction, and LiSSA with half of the tasks a step."""
    case = case_of(family)
    problem, pis = case.problem(), asked(case, "task", 12)
    truth = case.truth("derivative", pis)
    low = float(case.solution.certificate.smallest)
    found = influence(
        problem, pis, solver=Neumann(terms=terms, low=low, allow_unconverged=True, rtol=1e-15)
    )
    out = vectors(found.value.numpy(), truth, "T1") | {"predicted error": found.solve.error}
    high = float(torch.linalg.eigvalsh(exact(problem).dense())[-1])
    few = max(1, case.family.episodes.n_tasks // 2)
    noisy = LiSSA(batch=few, depth=terms, scale=0.5 / high, repeats=2, allow_unconverged=True)
    return out | vectors(influence(problem, pis, solver=noisy).value.numpy(), truth, "LiSSA")


def draw(axes: Axes, rows: list[Row]) -> None:
    """Measured with markers, predicted without, one colour a family."""
    for n, family in enumerate(dict.fromkeys(r["family"] for r in rows)):
        own = [r for r in rows if r["family"] == family]
        x = [r["terms"] for r in own]
        line(axes, x, [r.get("T1 error") for r in own], family, n)
        known = [r for r in own if r.get("predicted error")]
        axes.plot(
            [r["terms"] for r in known],
            [r["predicted error"] for r in known],
            color="0.5",
            linewidth=0.8,
            label="predicted bound" if n == 0 else None,
        )
    own = [r for r in rows if r["family"] == rows[0]["family"]]
    line(
        axes,
        [r["terms"] for r in own],
        [r.get("LiSSA error") for r in own],
        f"LiSSA, {own[0]['family']}",
        5,
    )
    axes.set(xscale="log", yscale="log", xlabel="terms J", ylabel="relative error against T1")
    axes.set_ylim(bottom=1e-16)
    axes.set_title("Neumann series, scaled by a spectral bound")
    axes.legend()


QUESTION = ask(
    Question(
        "neumann",
        "How long must the Neumann series be?",
        "The error falls as (1 - low/high)^(J+1), the grey line: read off J for the error you need, or let "
        "Neumann(rtol=...) do it. LiSSA stops at the noise of its batches.",
        cells,
        compute,
        draw,
        ("family", "terms", "T1 error", "predicted error", "LiSSA error"),
    )
)
