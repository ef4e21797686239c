"""Table 1 of 001: accuracy on new tasks and seconds, for edits of a trained network against retraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_001.edits import cell
from metainfl.experiments.paper_001.table1_claims import (
    above_direct,
    close,
    direct_degrades,
    direct_fastest,
    time_share,
    values,
)
from metainfl.metrics.intervals import interval


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a level."""
    out = []
    for level, words in (("task", "a tenth of the tasks"), ("support", "40 % of the support instances of 20 "
                         "tasks"), ("query", "40 % of the query instances of 20 tasks")):  # fmt: skip
        rows = []
        for edit in cells[0][level]:
            row: dict[str, Any] = {"edit": edit}
            for what in ("accuracy", "loss", "seconds", "distance"):
                row[what] = str(interval(values(cells, level, edit, what)))
            rows.append(row)
        out.append(
            Table(
                level, f"Without {words}: accuracy and loss on new tasks, seconds, distance", rows
            )
        )
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """How far each edit's parameters are from retraining's, by level."""
    names = [n for n in cells[0]["task"] if n not in ("retrained", "no edit")]
    for i, level in enumerate(("task", "support", "query")):
        own = [n for n in names if n in cells[0][level]]
        x = [names.index(n) + 0.2 * (i - 1) for n in own]
        mean = [interval(values(cells, level, n, "distance")) for n in own]
        axes.errorbar(
            x, [m.mean for m in mean], [min(m.half, 9) for m in mean], fmt="os^"[i], label=level
        )
    axes.axhline(1, linestyle=":", color="0.5")
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_ylabel("distance from retraining\n(1: no edit)")
    axes.set_ylim(bottom=0)
    axes.legend(title="removed")


EXPERIMENT = Experiment(
    "001-table1",
    "001",
    "Table 1, sections 6.1 and 6.2",
    "Edits of a trained network after the removal of tasks and instances, against retraining.",
    cell,
    (
        Claim("section 6.2, Table 1", "task-IF's edit comes close to retraining in accuracy", "0.780 against "
              "0.791 (Omniglot)", close("task"), "no edit, warm retraining, one Newton step"),
        Claim("Table 1", "task-IF's edit is more accurate than Direct-IF's", "0.780 against 0.542 (Omniglot)",
              above_direct, "no edit"),
        Claim("section 6.2", "Direct-IF's edit loses much accuracy", "0.542 (Omniglot)", direct_degrades,
              "no edit"),
        Claim("section 6.2", "the edit takes a fifth to a quarter of the time of retraining", "20 to 25 %",
              time_share("task", 0.25)),
        Claim("section 6.2", "Direct-IF is the fastest", "7.46 s, 65.69, 316.74 (Omniglot)", direct_fastest),
        Claim("section 6.2", "instance-IF's edit (training) takes a fiftieth of the time of retraining",
              "4.49 against 251.76 seconds (Omniglot)", time_share("support", 0.02)),
        Claim("Table 1", "instance-IF's edit (training) comes close to retraining", "0.769 against 0.785 "
              "(Omniglot)", close("support"), "no edit"),
        Claim("Table 1", "instance-IF's edit (validation) comes close to retraining", "0.779 against "
              "0.790 (Omniglot)", close("query"), "no edit"),
    ),
    tables,
    figure,
)  # fmt: skip
