"""Scores by the exact Hessian, by Gauss-Newton and by the run, at several numbers of training tasks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.networks import Setting
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.intervals import rank_agreement
from metainfl.problem.perturbation import task

HIDDEN = 8
#: numbers of training tasks, one for each of the paper's five tables, whose own numbers are in pictures alone
AMOUNTS = {"small": (16, 32, 48, 64, 96), "paper": (128, 256, 512, 1024, 2048)}
KEPT = (256, 128, 64, 32, 16)  # the paper has five of each, too
DOT, RUN = "dot product", "derivative of the run"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By number of training tasks: mean rank correlation over new test tasks of every pair, and of each with

    the run's derivative.
    """
    out: Cell = {}
    for n in AMOUNTS[size]:
        paper = replace(SPECTRUM, tasks=n)
        s = setting(size, seed, data, paper=paper, tasks=n, hidden=HIDDEN)
        out[str(n)] = step(f"{n} tasks", partial(_one, s))
    return out


def _one(s: Setting) -> dict[str, Any]:
    run = s.trained()
    tests = s.new.select(range(s.tests))
    scores = {n: v.T.tolist() for n, v in Treatments(run, KEPT).scores(tests).items()}
    asked = [task(k) for k in range(s.tasks.n_tasks)]
    scores[RUN] = (-run.scores(tests, asked).value).T.tolist()

    def mean(a: str, b: str) -> float:
        return float(
            np.mean([rank_agreement(x, y) for x, y in zip(scores[a], scores[b], strict=True)])
        )

    return {
        "pairs": {
            f"{a}/{b}": mean(f"pruned, {a}", f"Gauss-Newton, {b}") for a in KEPT for b in KEPT
        },
        "beside": {n: {f"{a}": mean(f"pruned, {a}", n) for a in KEPT} for n in (DOT, RUN)},
        "run": {n: mean(n, RUN) for n in scores if n != RUN},
    }
