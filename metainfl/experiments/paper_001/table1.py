"""Table 1 of 001: accuracy on new tasks and seconds, for edits of a trained network against retraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_001.edits import GAMMA, SUBSETS
from metainfl.experiments.paper_001.table1_cell import by_set, cell, left_out
from metainfl.experiments.paper_001.table1_claims import (
    above_direct,
    close,
    direct_degrades,
    direct_fastest,
    on_each,
    quick,
    same_edit,
    stable,
    time_share,
    values,
)
from metainfl.metrics.intervals import interval

LEVELS = {
    "task": "a tenth of the tasks",
    "support": "40 % of the support instances of 20 tasks",
    "query": "40 % of the query instances of 20 tasks",
}
COLUMNS = {
    "accuracy": "accuracy",
    "loss": "loss",
    "seconds": "seconds",
    "distance": "from retraining",
    "apart": "from the edit by influence",
}


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a data set and level."""
    out = []
    for name, own in by_set(cells).items():
        for level, words in LEVELS.items():
            rows: list[dict[str, Any]] = [
                {"edit": edit}
                | {k: str(interval(values(own, level, edit, w))) for w, k in COLUMNS.items()}
                for edit in own[0][level]
            ]
            caption = (
                f"{name} without {words}: accuracy and loss on new tasks, processor seconds (damping "
                f"chosen before), and how far the parameters are from those of retraining (1: as far "
                f"as no edit) and of the edit by influence (1: its own length).{left_out(cells)}"
            )
            out.append(Table(f"{name}, {level}", caption, rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """How far each edit's parameters are from retraining's: by data set and level."""
    sets = by_set(cells)
    own = next(iter(sets.values()))
    names = list(dict.fromkeys(n for level in LEVELS for n in own[0][level]))
    names = [n for n in names if n not in ("retrained", "no edit")]
    kinds = [(s, level) for s in sets for level in LEVELS]
    for i, (s, level) in enumerate(kinds):
        found = {
            n: interval(values(sets[s], level, n, "distance"))
            for n in names
            if n in sets[s][0][level]
        }
        y = [names.index(n) + 0.6 * ((i + 1) / (len(kinds) + 1) - 0.5) for n in found]
        axes.errorbar(
            [m.mean for m in found.values()],
            y,
            xerr=[min(m.half, 9) for m in found.values()],
            fmt="os^dv<>ph"[i],
            label=level if len(sets) == 1 else f"{s}, {level}",
        )
    axes.axvline(1, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("distance from retraining (1: no edit)")
    axes.set_xlim(left=0)
    axes.legend(title="removed", fontsize=7)


PRINTED = "0.780 against 0.791 (Omniglot), 0.612 against 0.637 (MNIST), 0.267 against 0.307 (Mini-ImageNet)"
NONE = "no edit, warm retraining, one Newton step, the run's derivative"
EXPERIMENT = Experiment(
    "001-table1",
    "001",
    "Table 1, sections 6.1 and 6.2",
    "Editing a trained network without some tasks or instances, against training it again.",
    cell,
    (
        Claim("section 6.2, Table 1", "task-IF's edit comes close to retraining in accuracy", PRINTED,
              on_each(close("task")), NONE),
        Claim("section 5, Table 1", "by Gamma and Neumann's series, as section 5 computes it, task-IF's edit "
              "comes close to retraining in accuracy", PRINTED, on_each(close("task", GAMMA)), NONE),
        Claim("Table 1", "task-IF's edit is more accurate than Direct-IF's", "0.780 against 0.542 (Omniglot),"
              " 0.612 against 0.325 (MNIST), 0.267 against 0.221 (Mini-ImageNet)", on_each(above_direct),
              "no edit"),
        Claim("section 6.2", "Direct-IF's edit loses much accuracy", "0.542 (Omniglot), 0.325 (MNIST), 0.221 "
              "(Mini-ImageNet)", on_each(direct_degrades), "no edit"),
        Claim("section 6.2", "the edit takes a fifth to a quarter of the time of retraining", "20 to 25 %; "
              "of its Table 1 21, 19 and 11 %", on_each(time_share("task", 0.25))),
        Claim("section 6.2", "by Gamma and Neumann's series, too, the edit takes a fifth to a quarter of the "
              "time of retraining", "20 to 25 %; of its Table 1 21, 19 and 11 %",
              on_each(time_share("task", 0.25, GAMMA))),
        Claim("section 6.2", "Direct-IF is the fastest", "7.46 against 65.69 and 316.74 seconds (Omniglot)",
              on_each(direct_fastest)),
        Claim("section 6.2", "instance-IF's edit (training) takes a fiftieth of the time of retraining",
              "4.49 against 251.76 seconds (Omniglot), 4.53 against 252.80 (MNIST), 7.17 against 392.24 "
              "(Mini-ImageNet)", on_each(time_share("support", 0.02))),
        Claim("section 6.2", "instance-IF's edit (validation) takes 3 % of the time of retraining at most",
              "5.53 against 260.48 seconds (Omniglot), 5.71 against 210.76 (MNIST), 7.47 against 358.49 "
              "(Mini-ImageNet)", on_each(time_share("query", 0.03))),
        Claim("Table 1", "instance-IF's edit (training) comes close to retraining", "0.769 against 0.785 "
              "(Omniglot), 0.612 against 0.654 (MNIST), 0.285 against 0.326 (Mini-ImageNet)",
              on_each(close("support")), NONE),
        Claim("Table 1", "instance-IF's edit (validation) comes close to retraining", "0.779 against 0.790 "
              "(Omniglot), 0.548 against 0.627 (MNIST), 0.277 against 0.322 (Mini-ImageNet)",
              on_each(close("query")), NONE),
        Claim("section 6.2", "instance-IF's edit is as accurate without training instances as without "
              "validation instances", "relatively stable: 0.7686 and 0.7790 (Omniglot)", on_each(stable),
              "no edit, retraining"),
        Claim("Algorithm 1, line 2", "the Hessian of a quarter of the tasks gives nearly the edit of all of "
              "them", "named, not measured", on_each(same_edit(list(SUBSETS.values()))),
              "subsets by chance, by difficulty and by uncertainty"),
        Claim("Algorithm 1, line 2", "the Hessian of a quarter of the tasks takes half of the time at most",
              "named, not measured", on_each(quick(SUBSETS["uniform"], 0.5))),
    ),
    tables,
    figure,
    version=3,
    sizes=("small", "medium", "paper"),
)  # fmt: skip
