"""float32 against float64 on every family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import COLOURS
from metainfl_reference.families import FAMILIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cells(quick: bool) -> list[dict[str, Any]]:
    """Every family in both precisions."""
    return [{"family": f, "dtype": d} for f in FAMILIES for d in ("float32", "float64")]


def compute(family: str, dtype: str, device: str = "cpu") -> dict[str, Any]:
    """Production against the reference, and what rounding alone may come to."""
    case = case_of(family)
    kind = getattr(torch, dtype)
    pis = asked(case, "task", 8) + asked(case, "query", 8)
    problem = case.problem(kind, device)
    found = influence(problem, pis, allow_nonstationary=True).value.double().cpu().numpy()
    out = vectors(found, case.truth("derivative", pis), "T1")
    return out | {"allowed": case.tolerance(kind), "condition": case.condition}


def draw(axes: Axes, rows: list[Row]) -> None:
    """Points, with what is allowed as a tick above each."""
    families = list(dict.fromkeys(r["family"] for r in rows))
    for n, dtype in enumerate(("float32", "float64")):
        own = [r for r in rows if r["dtype"] == dtype]
        x = [families.index(r["family"]) for r in own]
        axes.plot(x, [r["T1 error"] for r in own], "os"[n], color=COLOURS[n], label=dtype)
        axes.plot(
            x,
            [r["allowed"] for r in own],
            "_",
            color=COLOURS[n],
            markersize=12,
            label=f"allowed, {dtype}",
        )
    axes.set_xticks(range(len(families)), families, rotation=25, ha="right", fontsize=7)
    axes.set(yscale="log", ylabel="relative error against T1")
    axes.set_title("Single and double precision")
    axes.legend(ncols=2)


QUESTION = ask(
    Question(
        "precision",
        "Is float32 enough?",
        "At these condition numbers float32 gives five digits; the tick is the tolerance that the oracle "
        "derives from eps and the condition numbers.",
        cells,
        compute,
        draw,
        ("family", "dtype", "T1 error", "allowed", "condition"),
    )
)
