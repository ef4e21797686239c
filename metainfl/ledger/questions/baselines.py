"""Cheap rankings beside the exact one: do they find the tasks that help?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metainfl.ledger import lds
from metainfl.ledger.measure import order
from metainfl.ledger.problems import asked, case_of, removals, true_scores
from metainfl.ledger.question import Question, Row, ask
from metainfl.ledger.split import estimate
from metainfl.oracle.case import Case
from metainfl.report.style import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
NAMES = (
    "exact influence",
    "gradient dot product",
    "gradient ascent",
    "gradient norm",
    "loss",
    "random",
)


def cells(quick: bool) -> list[dict[str, Any]]:
    """Each ranking on each family."""
    families = (
        ("proximal_softmax",)
        if quick
        else ("single_softmax", "proximal_ridge", "proximal_softmax", "maml_softmax", "prototypes")
    )
    return [{"family": f, "ranking": r} for f in families for r in NAMES]


def scores_by(name: str, case: Case, n: int) -> Array:
    """Scores of tasks 0..n-1 on the targets (n, targets): positive = the task helps."""
    problem = case.problem()
    g = problem.task_gradients(problem.lam).numpy()[:n]
    slopes = case.target_gradients
    if name == "exact influence":
        return -estimate(problem, asked(case, "task", n)) @ slopes
    if name == "gradient dot product":
        return g @ slopes
    if (
        name == "gradient ascent"
    ):  # one step up on the removed task, of a size of 1/largest eigenvalue
        rate, f = 1 / case.solution.certificate.largest, case.family
        before = np.array([f.target_loss(t, case.solution.lam).real for t in case.targets])
        rows = [
            [f.target_loss(t, case.solution.lam + rate * row).real for t in case.targets]
            for row in g
        ]
        return np.array(rows) - before
    if name == "gradient norm":
        column = np.linalg.norm(g, axis=1)
    elif name == "loss":
        column = problem.losses(problem.lam).numpy()[:n]
    else:
        column = torch.rand(n, generator=torch.Generator().manual_seed(0)).double().numpy()
    return np.repeat(column[:, None], slopes.shape[1], axis=1)


def compute(family: str, ranking: str) -> dict[str, Any]:
    """Agreement with exact removal scores, and the linear datamodeling score."""
    case = case_of(family)
    n = case.family.episodes.n_tasks
    kept, removed = removals(case, asked(case, "task", n))
    scores = scores_by(ranking, case, n)
    out = order(scores[kept], true_scores(case, removed), "T2")
    return out | {"LDS": lds.score(case, scores, 32)}


def draw(axes: Axes, rows: list[Row]) -> None:
    """Spearman with its interval, families side by side."""
    families = list(dict.fromkeys(r["family"] for r in rows))
    for n, name in enumerate(NAMES):
        own = [r for r in rows if r["ranking"] == name and r.get("T2 Spearman") is not None]
        x = np.array([families.index(r["family"]) for r in own]) + 0.13 * (n - 2.5)
        y = np.array([r["T2 Spearman"] for r in own])
        low = y - np.array([r["T2 Spearman low"] for r in own])
        high = np.array([r["T2 Spearman high"] for r in own]) - y
        axes.errorbar(
            x,
            y,
            [low.tolist(), high.tolist()],
            fmt=MARKERS[n],
            color=COLOURS[n],
            label=name,
            markersize=5,
            capsize=2,
        )
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set_xticks(range(len(families)), families, fontsize=7)
    axes.set_ylabel("Spearman with exact removal (95 %)")
    axes.set_title("Who finds the tasks that help?")
    axes.legend(fontsize=7, ncols=2)


QUESTION = ask(
    Question(
        "baselines",
        "Would a cheap ranking do?",
        "Exact influence is the yardstick. A gradient dot product is influence with the identity for H; loss "
        "and gradient norm do not see the target at all.",
        cells,
        compute,
        draw,
        ("family", "ranking", "T2 Spearman", "T2 Kendall", "T2 top 5", "LDS"),
    )
)
