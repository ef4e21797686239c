"""Figure 1 of 001: mislabelled tasks found, and accuracy without them, by share of the tasks checked.

40 % of the labels are flipped in 80 % of the tasks, as printed, and in 20 %. At 80 %, what is found after
checking a share s is at most s/0.8, whoever ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_001.figure1_cell import cell
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
    times,
    values,
)
from metainfl.experiments.rankings import EXACT, PRINTED
from metainfl.metrics.intervals import interval

#: what is drawn in grey, beside the rankings by scores
PLAIN = {"random": {"linestyle": ":", "marker": "."}, EXACT: {"linestyle": "-.", "marker": "*"}}


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
    """Accuracy and what is found against the share checked, 80 % and 20 % mislabelled."""
    from metainfl.report.style import line

    whole = axes.figure
    axes.remove()
    whole.set_size_inches(7.6, 6.4)
    grid = whole.subplots(2, 2, sharex=True, sharey="row")
    for (top, low), share in zip(grid.T, CORRUPTED, strict=True):
        start = float(np.mean(accuracies(cells, share, "no removal", 0)))
        others = [n for n in cells[0][share] if n not in ("no removal", *PLAIN)]
        for i, n in enumerate([*others, *(n for n in PLAIN if n in cells[0][share])]):
            own = [float(np.mean(accuracies(cells, share, n, k))) for k in range(len(CHECKED))]
            curve = np.mean(values(cells, share, n, "found"), axis=0).tolist()
            for axes, x, y in ((top, CHECKED, [start, *own]), (low, SHARES, [0, *curve])):
                if n in PLAIN:
                    axes.plot([0, *x], y, color="0.3", label=n, **PLAIN[n])
                else:
                    line(axes, [0, *x], y, n, i)
        low.plot([0, float(share), 1], [0, 1, 1], color="0.6", linewidth=1)  # all there is
        low.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")  # chance
        low.set_xlabel(f"share of tasks checked ({float(share):.0%} mislabelled)")
    grid[0, 0].set_ylabel("accuracy without them")
    grid[1, 0].set_ylabel("share of mislabelled tasks found")
    grid[0, 1].legend(fontsize=6)


EXPERIMENT = Experiment(
    "001-figure1",
    "001",
    "Figure 1, section 6.3",
    "Finding mislabelled tasks and training without them.",
    cell,
    (
        Claim("section 6.3", "nearly all mislabelled tasks (80 %) are found after checking 40 %", "about 100 "
              "%", all_found),
        Claim("section 6.3", "influence scores find more than a random order, 80 % mislabelled", "in words",
              better("0.8", "random"),
              "loss, gradient norm, gradient dot product, TracIn, the run's derivative"),
        Claim("section 6.3", "influence scores find 2.2 times what a random order finds (80 %)",
              "about 2.2 times: 100 % after 40 %, against 45 % after 95 %", times("0.8", 2.2)),
        Claim("section 6.3", "influence scores find more than a random order, 20 % mislabelled",
              "not printed", better("0.2", "random")),
        Claim("Definition 5.2 and A.9", "the score as printed, largest first, finds harmful tasks",
              "not printed", better("0.2", "random", PRINTED), "the derivative of the target's loss"),
        Claim("not in the paper", "influence scores find more than the training loss does (20 %)", "not "
              "compared", better("0.2", "training loss")),
        Claim("not in the paper", "influence scores find more than exact removal of each task does (20 %)",
              "not compared", better("0.2", EXACT)),
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
    version=5,
)  # fmt: skip
