"""Tables 1 and 3, Figure 4 of 002: ranks and scores as the test task is darkened away from its twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.data import darkened
from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.networks import Setting
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.detection import self_rank
from metainfl.metrics.intervals import interval, paired, rank_agreement
from metainfl.problem.tasks import Tasks

TASKS, HIDDEN = 64, 8
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
KINDS = ("darkness", "ratio")
WHAT = ("rank", "score")


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Mean correlations of darkness, and of the share darkened, with self-rank and self-score."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    treated, tests = Treatments(s.trained()), s.images.select(range(s.tests))
    out: Cell = {}
    for kind in KINDS:
        seen = [treated.scores(_dark(s, tests, kind, level, seed)) for level in LEVELS]
        out[kind] = {}
        for name in seen[0]:
            ranks, scores = [], []
            for t in range(s.tests):
                columns = [v[name][:, t].tolist() for v in seen]
                places = [self_rank(c, t) for c in columns]
                if len(set(places)) > 1:  # no correlation is defined where the rank never moves
                    ranks.append(rank_agreement(LEVELS, places))
                scores.append(rank_agreement(LEVELS, [c[t] for c in columns]))
            out[kind][name] = {
                "rank": float(np.mean(ranks)) if ranks else 0.0,
                "moved": len(ranks),
                "score": float(np.mean(scores)),
            }
    return out


def _dark(s: Setting, tests: Tasks, kind: str, level: float, seed: int) -> Tasks:
    """Darkened as images, then read as the network reads them."""
    amounts = (level, 0.5) if kind == "darkness" else (0.5, level)
    return s.features(darkened(tests, *amounts, seed=seed).tasks)


def _of(cells: Sequence[Cell], kind: str, name: str, what: str) -> list[float]:
    return [c[kind][name][what] for c in cells]


def worse(kind: str, what: str, name: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether ranks rise (get worse) and scores fall with degradation."""
    sign = 1 if what == "rank" else -1

    def judge(cells: Sequence[Cell]) -> Verdict:
        got = interval([sign * v for v in _of(cells, kind, name, what)])
        dot = interval([sign * v for v in _of(cells, kind, "dot product", what)])
        moved = interval(_of(cells, kind, name, "moved"))
        why = f"Counted so that positive is as claimed. The plain dot product has {dot}."
        if what == "rank":
            why += f" Ranks moved at all in {moved} tests."
        word = telling.above(got)
        return Verdict(word, f"correlation {got}", why)

    return judge


def pruning_helps(cells: Sequence[Cell]) -> Verdict:
    """Whether all four correlations are stronger with pruning."""
    signs = {"rank": 1, "score": -1}
    gaps = {
        f"{what} with {kind}": paired(
            *([signs[what] * v for v in _of(cells, kind, n, what)] for n in ("pruned, 64", "exact"))
        )
        for kind in KINDS
        for what in WHAT
    }
    why = (
        "Counted so that positive is stronger: 64 eigenvalues kept, minus all of them. It holds where all "
        "four columns do."
    )
    ours = "; ".join(f"{n} {g}" for n, g in gaps.items())
    return Verdict(telling.all_of(*(telling.above(g) for g in gaps.values())), ours, why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Correlations by treatment, as Table 1 has them."""
    rows = []
    for name in cells[0]["darkness"]:
        row: dict[str, Any] = {"treatment": name}
        for kind in KINDS:
            for what in WHAT:
                row[f"{what} with {kind}"] = str(interval(_of(cells, kind, name, what)))
        rows.append(row)
    return [Table("degraded", "Mean rank correlations over test tasks (rank: positive, score: negative as "
                  "claimed)", rows)]  # fmt: skip


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Correlation of self-scores with darkness and ratio."""
    names = list(cells[0]["darkness"])
    for i, kind in enumerate(KINDS):
        mean = [interval(_of(cells, kind, n, "score")) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [m.mean for m in mean], y, xerr=[m.half for m in mean], fmt="os"[i], label=kind
        )
    axes.axvline(0, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("correlation of the score of the twin with degradation (-1: falls)")
    axes.legend()


EXPERIMENT = Experiment(
    "002-degraded",
    "002",
    "Tables 1 and 3, Figure 4, section 5.1",
    "Ranks and scores of the identical training task as the test task is darkened.",
    cell,
    (
        Claim("Table 1", "scores of the twin fall with darkness (64 eigenvalues)", "a correlation",
              worse("darkness", "score", "pruned, 64"), "dot product"),
        Claim("Table 1", "scores of the twin fall with the share of dark images (64 eigenvalues)",
              "a correlation", worse("ratio", "score", "pruned, 64"), "dot product"),
        Claim("Table 1", "ranks of the twin get worse with darkness (64 eigenvalues)", "a correlation",
              worse("darkness", "rank", "pruned, 64"), "dot product"),
        Claim("section 5.1", "pruning makes these correlations stronger", "in all columns", pruning_helps),
    ),
    tables,
    figure,
)  # fmt: skip
