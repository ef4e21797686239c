"""Degraded tests: the twin's rank and score as a test task is darkened, by treatment and by the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metainfl.data import darkened
from metainfl.data.degrade import concatenated
from metainfl.experiments.experiment import Cell
from metainfl.experiments.networks import Setting
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.detection import self_rank
from metainfl.metrics.intervals import rank_agreement
from metainfl.problem.perturbation import task
from metainfl.problem.tasks import Tasks
from metainfl.training import Run

TASKS, HIDDEN = 64, 8
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
KINDS = ("darkness", "ratio")
DOT, RUN = "dot product", "derivative of the run"
RERUN = 4  # tests that the run's derivative is asked about
SHOWN = "pruned, 256"  # as in Figure 4, whose examples are pruned a little
WHAT = ("rank", "score")


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Mean correlations of darkness, and of the share darkened, with self-rank and self-score."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    run, tests = s.trained(), s.images.select(range(s.tests))
    out: Cell = {"example": {}}
    for kind in KINDS:
        steps = [_dark(s, tests, kind, level, seed) for level in LEVELS]
        seen = _scores(run, concatenated(*steps), s.tests)
        out[kind] = {}
        for name, each in seen.items():
            twins = [[column[t] for t, column in enumerate(level)] for level in each]
            places = [[self_rank(column, t) for t, column in enumerate(level)] for level in each]
            pairs = zip(zip(*places, strict=True), zip(*twins, strict=True), strict=True)
            both = [(list(p), list(v)) for p, v in pairs]  # of each test, level by level
            # no correlation is defined where the rank never moves
            ranks = [rank_agreement(LEVELS, p) for p, _ in both if len(set(p)) > 1]
            out[kind][name] = {
                "rank": float(np.mean(ranks)) if ranks else 0.0,
                "moved": len(ranks),
                "score": float(np.mean([rank_agreement(LEVELS, v) for _, v in both])),
            }
            if name == SHOWN:
                out["example"][kind] = {"rank": both[0][0], "score": both[0][1]}
    return out


def _scores(run: Run, tests: Tasks, each: int) -> dict[str, list[list[list[float]]]]:
    """By treatment, level and test: scores of all training tasks; the run's derivative of the first tests."""
    asked = [task(k) for k in range(run.program.problem.tasks.n_tasks)]
    few = [k for k in range(tests.n_tasks) if k % each < RERUN]
    found = {n: v.split(each, dim=1) for n, v in Treatments(run).scores(tests).items()}
    found[RUN] = (-run.scores(tests.select(few), asked).value).split(min(RERUN, each), dim=1)
    return {n: [level.T.tolist() for level in v] for n, v in found.items()}


def _dark(s: Setting, tests: Tasks, kind: str, level: float, seed: int) -> Tasks:
    """Darkened as images, then read as the network reads them."""
    amounts = (level, 0.5) if kind == "darkness" else (0.5, level)
    return s.features(darkened(tests, *amounts, seed=seed).tasks)


def values(cells: Sequence[Cell], kind: str, name: str, what: str) -> list[float]:
    """Of a treatment, one a seed."""
    return [c[kind][name][what] for c in cells]
