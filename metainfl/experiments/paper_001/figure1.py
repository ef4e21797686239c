"""Figure 1 of 001: mislabelled tasks found, and accuracy without them, by share of the tasks checked.

40 % of the labels are flipped in 80 % of the tasks, as printed, and in 20 %. At 80 %, what is found after
checking a share s is at most s/0.8, whoever ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.data import corrupt
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.networks import accuracy
from metainfl.experiments.paper_001.figure1_claims import (
    CHECKED,
    CORRUPTED,
    SHARES,
    accuracies,
    accuracy_gain,
    all_found,
    better,
    everywhere,
    random_finds,
    values,
)
from metainfl.experiments.rankings import ranked
from metainfl.experiments.settings import MNIST, setting
from metainfl.metrics.detection import area, found
from metainfl.metrics.intervals import interval
from metainfl.problem.perturbation import group, task


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By share of corrupted tasks: curves, areas, and accuracy after retraining without a quarter."""
    s, out = setting(size, seed, data, paper=MNIST), {}
    for share in CORRUPTED:
        drawn = corrupt(
            s.tasks, tasks_share=float(share), within=0.4, side="both", kind="flip", seed=seed
        )
        run = s.trained(drawn.tasks)
        half = s.new.n_tasks // 2
        targets, held = s.new.select(range(half)), s.new.select(range(half, 2 * half))
        scores, wrong = ranked(run, targets), drawn.task.tolist()
        rows: dict[str, Any] = {
            n: {"area": area(v, wrong), "found": found(v, wrong, SHARES)} for n, v in scores.items()
        }
        for n, v in scores.items():
            worst = np.argsort(v, kind="stable").tolist()
            kept = [group(task(k) for k in worst[: round(c * len(wrong))]) for c in CHECKED]
            lams = [run.replay({g: 0.0}).lam for g in kept]
            rows[n]["accuracy"] = [accuracy(run.problem(), lam, held) for lam in lams]
        whole = accuracy(run.problem(), run.lam, held)
        rows["no removal"] = {"accuracy": [whole] * len(CHECKED)}
        out[share] = rows
    return out


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a share of corrupted tasks."""
    out = []
    for share in CORRUPTED:
        rows = []
        for n in cells[0][share]:
            row: dict[str, Any] = {"ranking": n}
            if n != "no removal":
                row["area"] = str(interval(values(cells, share, n, "area")))
                for i, s in enumerate(SHARES):
                    shares = [v[i] for v in values(cells, share, n, "found")]
                    row[f"found at {s:.0%}"] = str(interval(shares))
            for i, c in enumerate(CHECKED):
                row[f"accuracy, {c:.0%} checked"] = str(interval(accuracies(cells, share, n, i)))
            rows.append(
                {
                    k: row.get(k, "-")
                    for k in (
                        "ranking",
                        "area",
                        *(f"found at {s:.0%}" for s in SHARES),
                        *(f"accuracy, {c:.0%} checked" for c in CHECKED),
                    )
                }
            )
        out.append(
            Table(f"corrupted {share}", f"{float(share):.0%} of the tasks mislabelled", rows)
        )
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Found against checked, 20 % mislabelled."""
    from metainfl.report.style import line

    for i, n in enumerate(m for m in cells[0]["0.2"] if m not in ("no removal", "random")):
        curve = np.mean(values(cells, "0.2", n, "found"), axis=0).tolist()
        line(axes, [0, *SHARES], [0, *curve], n, i)
    axes.plot([0, 0.2, 1], [0, 1, 1], color="0.6", linewidth=1)  # all there is
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")  # chance
    axes.set_xlabel("share of tasks checked")
    axes.set_ylabel("share of mislabelled tasks found (20 % are)")
    axes.legend(fontsize=7)


EXPERIMENT = Experiment(
    "001-figure1",
    "001",
    "Figure 1, section 6.3",
    "Finding mislabelled tasks and training without them.",
    cell,
    (
        Claim("section 6.3", "nearly all mislabelled tasks (80 %) are found after checking 40 %", "about 100 "
              "%", all_found),
        Claim("section 6.3", "influence scores find more than a random order, 80 % mislabelled", "2.2 times",
              better("0.8", "random"), "loss, gradient norm, gradient dot product, TracIn, the run"),
        Claim("section 6.3", "influence scores find more than a random order, 20 % mislabelled",
              "not printed", better("0.2", "random")),
        Claim("Definition 5.2 and section 6.4", "the score as printed, largest first, finds harmful tasks",
              "not printed", better("0.2", "random", "task-IF, IS as printed"), "the score with its sign"),
        Claim("not in the paper", "influence scores find more than the training loss does (20 %)", "not "
              "compared", better("0.2", "training loss")),
        Claim("section 6.3", "a random order has found 45 % of them after checking 95 % (80 %)", "about 45 %",
              random_finds),
        Claim("section 6.3", "accuracy is above that of random removal at every share checked (80 %)",
              "consistently", everywhere("0.8"), "all other rankings in the table"),
        Claim("section 6.3", "accuracy without the worst quarter is 7.5 points above that without a random "
              "quarter (80 %)", "62.5 % against 55 %", accuracy_gain("0.8", 0.075), "no removal, loss"),
        Claim("section 6.3", "accuracy without the worst quarter is higher at all with 20 % mislabelled",
              "not printed", accuracy_gain("0.2", 0.0)),
    ),
    tables,
    figure,
    version=2,
)  # fmt: skip
