"""Figures 2 and 3 of 001: training again without what scores highest, task by task and instance by instance.

Paper 001 removes in descending order of its influence score and sees accuracy fall; by its appendix A.9 a
positive score is harm. Both signs are tried here, beside all other rankings, the run's own derivative, and
the exact one: each task removed alone and the network trained again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_001.removed import (
    ENDS,
    IMPLICIT,
    IMPLICIT_PRINTED,
    RUN,
    SHARES,
    cell,
    change,
)
from metainfl.experiments.rankings import EXACT, PRINTED
from metainfl.metrics.intervals import interval, paired


def hurts(level: str, name: str, other: str = "random") -> Callable[[Sequence[Cell]], Verdict]:
    """Whether removing what scores as helpful costs more than a removal of as many by another ranking."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(*(change(cells, level, n, "helpful") for n in (name, other)))
        points = paired(*(change(cells, level, n, "helpful", "accuracy") for n in (name, other)))
        low = paired(*(change(cells, level, n, "harmful") for n in (name, other)))
        why = (
            f"Loss a query instance of held-out tasks, without a fifth, over {other}; accuracy: {points}. "
            f"Without what scores as harmful: {low} (below 0 is a gain). Positive is help here: minus the "
            "sign of 001's appendix A.9, whose score is positive for harm."
        )
        return Verdict(telling.above(gap), f"loss: difference {gap}", why)

    return judge


def descending(level: str, printed: str, own: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Removing the largest printed score first: by A.9 that is harm first, so the loss should fall."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap, with_sign, other = (
            paired(change(cells, level, n, end), change(cells, level, "random", end))
            for n, end in ((printed, "harmful"), (own, "harmful"), (printed, "helpful"))
        )
        points = paired(
            *(change(cells, level, n, "harmful", "accuracy") for n in (printed, "random"))
        )
        why = (
            "Loss without a fifth, over random removal. The score of A.9 is positive for harm, so the "
            "largest first removes what hurts: to first order performance cannot fall by it more than by a "
            f"random choice (see the errata, 001, section 6.4). By the derivative in its place: {with_sign}; "
            f"the smallest printed score first: {other}. Where all of them are above 0, a fifth is more than "
            f"first order tells. Accuracy: {points}."
        )
        return Verdict(telling.above(gap), f"loss: difference {gap}", why)

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a level and measure: changes without the most helpful and the most harmful shares."""
    out = []
    for level in ("task", "instance"):
        for what in ("loss", "accuracy"):
            rows: list[dict[str, Any]] = []
            for n in cells[0][level]:
                row: dict[str, Any] = {"ranking": n}
                for end in ENDS:
                    for i, share in enumerate(SHARES):
                        values = [c[level][n][end][i][what] - c["before"][what] for c in cells]
                        row[f"without {share:.0%} most {end}"] = str(interval(values))
                rows.append(row)
            words = f"Change of the {what} of held-out tasks after training again without {level}s"
            out.append(Table(f"{level}, {what}", words, rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Change of accuracy against the share of tasks removed, the most helpful first."""
    from metainfl.report.style import line

    for i, n in enumerate(
        ("random", "training loss", "gradient dot product", "task-IF", RUN, EXACT)
    ):
        values = [
            np.mean(
                [c["task"][n]["helpful"][k]["accuracy"] - c["before"]["accuracy"] for c in cells]
            )
            for k in range(len(SHARES))
        ]
        line(axes, [0, *SHARES], [0, *map(float, values)], n, i)
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xlabel("share of tasks removed, the most helpful first")
    axes.set_ylabel("change of accuracy on held-out tasks")
    axes.legend(fontsize=7)


TASKS, INSTANCES = "accuracy from about 0.62 to 0.58", "accuracy from about 0.40 to 0.25"
EXPERIMENT = Experiment(
    "001-figure2",
    "001",
    "Figures 2 and 3, section 6.4",
    "Training again without the most and the least influential tasks and instances.",
    cell,
    (
        Claim("section 6.4, Figure 2", "without the tasks of greatest influence performance falls more than "
              "without random ones", TASKS, hurts("task", "task-IF"),
              "loss, gradient norm and dot, TracIn, printed IS, the run's derivative, exact removal"),
        Claim("section 6.4 as printed", "removing in descending order of the score of A.9 makes performance "
              "fall", TASKS, descending("task", PRINTED, "task-IF"), "both signs, and the derivative"),
        Claim("section 6.4, Figure 3", "without the instances of greatest influence it falls more than "
              "without random ones", INSTANCES, hurts("instance", IMPLICIT),
              "loss, gradient norm and dot, TracIn, printed IS, the run's derivative"),
        Claim("section 6.4 as printed", "removing instances in descending order of the score of A.9 makes "
              "performance fall", INSTANCES, descending("instance", IMPLICIT_PRINTED, IMPLICIT),
              "both signs, and the derivative"),
        Claim("not in the paper", "the run's derivative finds more of them than task-IF", "not compared",
              hurts("task", RUN, "task-IF")),
        Claim("not in the paper", "removing tasks one by one and training again finds more than task-IF",
              "not compared", hurts("task", EXACT, "task-IF")),
        Claim("not in the paper", "the run's derivative finds more instances than instance-IF",
              "not compared", hurts("instance", RUN, IMPLICIT)),
    ),
    tables,
    figure,
    version=4,
)  # fmt: skip
