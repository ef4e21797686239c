"""Figures 2 and 3 of 001: training again without what scores highest, task by task and instance by instance.

Paper 001 removes in descending order of its influence score and sees accuracy fall; by its appendix A.9 a
positive score is harm. Both signs are tried here, beside a random choice and the run's own derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.networks import loss
from metainfl.experiments.rankings import ranked
from metainfl.experiments.settings import MNIST, setting
from metainfl.experiments.statistics import interval, paired
from metainfl.problem.perturbation import group, query, task
from metainfl.training import Run

SHARE = 0.2
RANKED = ["random", "training loss", "gradient dot product", "task-IF", "derivative of the run"]


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Change of the loss on the targets after retraining without the top and the bottom, by ranking."""
    s = setting(size, seed, data, paper=MNIST)
    run = s.trained()
    targets = s.new.select(range(20))
    before = loss(run.problem(), run.lam, targets)

    def change(chosen: Any) -> float:
        return loss(run.problem(), run.replay({group(chosen): 0.0}).lam, targets) - before

    n = round(SHARE * s.tasks.n_tasks)
    out: Cell = {"task": {}, "instance": {}}
    for name, scores in ranked(run, targets, RANKED).items():
        order = np.argsort(scores, kind="stable").tolist()
        out["task"][name] = {
            "helpful": change(task(k) for k in order[-n:]),
            "harmful": change(task(k) for k in order[:n]),
        }
    each = _instances(run, targets)
    draw = torch.Generator().manual_seed(seed)
    m = round(SHARE * len(each))
    for name, order in (
        ("derivative of the run", sorted(each, key=lambda x: each[x])),
        ("random", [list(each)[i] for i in torch.randperm(len(each), generator=draw).tolist()]),
    ):
        out["instance"][name] = {"helpful": change(order[-m:]), "harmful": change(order[:m])}
    return out


def _instances(run: Run, targets: Any) -> dict[Any, float]:
    """Scores of all query instances."""
    tasks = run.program.problem.tasks
    asked = [query(k, j) for k in range(tasks.n_tasks) for j in range(tasks.query_x.shape[1])]
    mean = -run.scores(targets, asked).value.mean(1)
    return dict(zip(asked, mean.tolist(), strict=True))


def _of(cells: Sequence[Cell], level: str, name: str, end: str) -> list[float]:
    return [c[level][name][end] for c in cells]


def hurts(level: str, name: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether removing what scores as helpful costs more than a random removal of as many."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(_of(cells, level, name, "helpful"), _of(cells, level, "random", "helpful"))
        low = paired(_of(cells, level, name, "harmful"), _of(cells, level, "random", "harmful"))
        why = (
            f"Loss a query instance, over a random removal. Without what scores as harmful: {low} (below "
            "0 is a gain). Scores are of removals, positive = helped: the sign that 001's appendix A.9 gives."
        )
        word = telling.above(gap)
        return Verdict(word, f"difference {gap}", why)

    return judge


def descending(cells: Sequence[Cell]) -> Verdict:
    """Removing the largest printed score first: by A.9 that is harm first, so the loss should fall."""
    gap = paired(_of(cells, "task", "task-IF", "harmful"), _of(cells, "task", "random", "harmful"))
    why = (
        "The printed score of A.9 is positive for harm, so the largest first removes what hurts; accuracy "
        "cannot fall by it more than by a random choice if the score is right (erratum E2)."
    )
    word = telling.above(gap)
    return Verdict(word, f"difference {gap}", why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a level."""
    out = []
    for level in ("task", "instance"):
        rows = [
            {
                "ranking": n,
                "without the most helpful": str(interval(_of(cells, level, n, "helpful"))),
                "without the most harmful": str(interval(_of(cells, level, n, "harmful"))),
            }
            for n in cells[0][level]
        ]
        words = f"Change of the targets' loss a query instance, without a fifth of the {level}s"
        out.append(Table(level, words, rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Both ends of each ranking of tasks."""
    names = list(cells[0]["task"])
    for i, end in enumerate(("helpful", "harmful")):
        mean = [interval(_of(cells, "task", n, end)) for n in names]
        x = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            x, [m.mean for m in mean], [m.half for m in mean], fmt="os"[i], label=f"most {end}"
        )
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_ylabel("change of the loss\nwithout a fifth of the tasks")
    axes.legend(title="removed")


EXPERIMENT = Experiment(
    "001-figure2",
    "001",
    "Figures 2 and 3, section 6.4",
    "Training again without the most and the least influential tasks and instances.",
    cell,
    (
        Claim("section 6.4, Figure 2", "without the tasks of greatest influence performance falls more than "
              "without random ones", "a curve", hurts("task", "task-IF"), "loss, gradient dot, the run"),
        Claim("section 6.4 as printed", "removing in descending order of the score of A.9 makes performance "
              "fall", "a curve", descending),
        Claim("section 6.4, Figure 3", "without the instances of greatest influence it falls more than "
              "without random ones", "a curve",
              hurts("instance", "derivative of the run"), "by the run's derivative"),
    ),
    tables,
    figure,
)  # fmt: skip
