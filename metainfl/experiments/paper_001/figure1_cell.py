"""Mislabelled tasks found, and accuracy without what was checked, by ranking: what Figure 1 of 001 draws.

Exact removal, a rerun a task, is among the rankings where 20 % are mislabelled: there a ranking can be right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.data import corrupt
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import reruns, step
from metainfl.experiments.networks import accuracy
from metainfl.experiments.paper_001.figure1_claims import CHECKED, CORRUPTED, SHARES
from metainfl.experiments.rankings import EXACT, exact, ranked
from metainfl.experiments.settings import MNIST, setting
from metainfl.metrics.detection import area, found
from metainfl.problem.perturbation import group, task
from metainfl.problem.tasks import Tasks
from metainfl.training import Run


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By share of corrupted tasks: curves, areas, and accuracy after retraining without some shares."""
    s, out = setting(size, seed, data, paper=MNIST), {}
    for share in CORRUPTED:
        drawn = corrupt(
            s.tasks, tasks_share=float(share), within=0.4, side="both", kind="flip", seed=seed
        )
        run = s.trained(drawn.tasks)
        half = s.new.n_tasks // 2
        targets, held = s.new.select(range(half)), s.new.select(range(half, 2 * half))
        rankings = ranked(run, targets)
        if share == CORRUPTED[-1]:
            rankings[EXACT] = partial(exact, run, targets)
        rows: dict[str, Any] = {
            n: step(
                f"{share} mislabelled, {n}",
                partial(_row, run, held, drawn.task.tolist(), scores),
            )
            for n, scores in rankings.items()
        }
        whole = accuracy(run.problem(), run.lam, held)
        rows["no removal"] = {"accuracy": [whole] * len(CHECKED)}
        out[share] = rows
    return out


def _row(
    run: Run, held: Tasks, wrong: list[bool], scores: Callable[[], list[float]]
) -> dict[str, Any]:
    """Of one ranking of the training tasks, harm first."""
    v, end = scores(), run.problem()
    worst = np.argsort(v, kind="stable").tolist()
    checked = [group(task(k) for k in worst[: round(c * len(wrong))]) for c in CHECKED]
    return {
        "area": area(v, wrong),
        "found": found(v, wrong, SHARES),
        "accuracy": [accuracy(end, lam, held) for lam in reruns(run, checked)],
    }
