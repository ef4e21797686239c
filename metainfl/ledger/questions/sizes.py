"""Error of the first-order removal against the number of tasks, shots and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metainfl.influence.implicit import influence
from metainfl.ledger.measure import order, vectors
from metainfl.ledger.problems import asked, case_of, removals, true_scores
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILY = "proximal_ridge"
MOVED: dict[str, tuple[int, ...]] = {
    "tasks": (8, 16, 32, 64, 128, 256),
    "shots": (1, 2, 4, 8, 16, 32),
    "features": (2, 4, 8, 16, 32),
}


def cells(quick: bool) -> list[dict[str, Any]]:
    """One size moved, the others as in the small problems."""
    return [
        {"moved": name, "value": v, "seed": seed}
        for name, values in MOVED.items()
        for v in (values[::2] if quick else values)
        for seed in range(1 if quick else 3)
    ]


def compute(moved: str, value: int, seed: int) -> dict[str, Any]:
    """Exact influence against exact removal."""
    options = {"tasks": {"tasks": value}, "shots": {"support": value}, "features": {"d": value}}[
        moved
    ]
    case = case_of(FAMILY, seed, **options)
    pis = asked(case, "task", 32)
    kept, removed = removals(case, pis)
    found = influence(case.problem(), [pis[i] for i in kept]).value.numpy()
    out = vectors(found, removed, "T2")
    if case.family.episodes.query_x.shape[2] == 3:
        out |= order(-found @ case.target_gradients, true_scores(case, removed), "T2")
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    """Median over seeds, one line a size; 1/T beside the tasks."""
    import numpy as np

    for n, name in enumerate(MOVED):
        own = [r for r in rows if r["moved"] == name and r.get("T2 error") is not None]
        values = sorted({r["value"] for r in own})
        medians = [
            float(np.median([r["T2 error"] for r in own if r["value"] == v])) for v in values
        ]
        line(axes, values, medians, name, n)
        if name == "tasks" and values:
            axes.plot(
                values,
                [medians[-1] * values[-1] / v for v in values],
                color="0.5",
                linewidth=0.8,
                label="1/T",
            )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="tasks, shots or features",
        ylabel="relative error against T2",
    )
    axes.set_title("Exact influence as a prediction of removal (proximal ridge)")
    axes.legend()


QUESTION = ask(
    Question(
        "sizes",
        "How large must the problem be for influence to predict removal?",
        "Even the exact derivative is a first-order prediction of removal. Its error falls as 1/T. More "
        "shots help, as adapted parameters then depend less on lam; more features hurt, as each task then "
        "carries a larger share of what is known about lam.",
        cells,
        compute,
        draw,
        ("moved", "value", "seed", "T2 error", "T2 cosine", "T2 Spearman"),
    )
)
