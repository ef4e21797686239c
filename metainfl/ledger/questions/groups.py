"""Removal error against the size of the removed group: first order, second order, Newton."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metainfl.influence import removal
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import TASKS, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.problem.perturbation import group, task
from metainfl.report.style import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (1, 2, 4, 8, 12)
EDITS = {
    "first order": removal.first_order,
    "second order": removal.second_order,
    "Newton": removal.newton,
}


def cells(quick: bool) -> list[dict[str, Any]]:
    """Random groups of tasks."""
    families = (
        ("proximal_softmax",) if quick else ("proximal_ridge", "proximal_softmax", "maml_softmax")
    )
    sizes = SIZES[::2] if quick else SIZES
    return [{"family": f, "size": s} for f in families for s in sizes]


def compute(family: str, size: int) -> dict[str, Any]:
    """Four random groups, errors of the predicted shift."""
    case, rng = case_of(family), np.random.default_rng(0)
    pis = [group([task(int(k)) for k in rng.permutation(TASKS)[:size]]) for _ in range(4)]
    shifts = [case.removal_shift(p) for p in pis]
    kept = [p for p, s in zip(pis, shifts, strict=True) if s is not None]
    truth = np.stack([s for s in shifts if s is not None])
    out: dict[str, Any] = {"groups": len(kept)}
    for name, edit in EDITS.items():
        out |= vectors(edit(case.problem(), kept).numpy() - case.solution.lam, truth, name)
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    """Proximal softmax."""
    rows = [r for r in rows if r["family"] == "proximal_softmax"]
    for n, name in enumerate(EDITS):
        line(axes, [r["size"] for r in rows], [r.get(f"{name} error") for r in rows], name, n)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"tasks removed together, of {TASKS}",
        ylabel="relative error of the shift",
    )
    axes.set_title("Removing groups (proximal softmax)")
    axes.legend()


QUESTION = ask(
    Question(
        "groups",
        "How many data can be removed at once?",
        "First order fails as groups grow; the second order helps while the group is small; one Newton step "
        "is exact where F is quadratic, and elsewhere the best of the three for groups of several.",
        cells,
        compute,
        draw,
        ("family", "size", "groups", "first order error", "second order error", "Newton error"),
    )
)
