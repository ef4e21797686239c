"""Loss and accuracy after training again without the first shares of a ranking: what Figures 2 and 3 draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import reruns, step
from metainfl.experiments.networks import accuracy, loss
from metainfl.experiments.rankings import EXACT, exact, implicit, means, ranked
from metainfl.experiments.settings import MNIST, setting
from metainfl.methods.run import gradient_dot, gradient_norm, tracin, training_loss
from metainfl.problem.perturbation import Perturbation, group, query, task
from metainfl.problem.tasks import Tasks
from metainfl.training import Run

SHARES = (0.1, 0.2, 0.4)
MIDDLE = SHARES.index(0.2)
RUN, IMPLICIT = "derivative of the run", "instance-IF"
IMPLICIT_PRINTED = "instance-IF, IS as printed"
ENDS = ("helpful", "harmful")


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By level, ranking and end: loss and accuracy of held-out tasks after retraining without the top shares.

    Scores are on one half of the new tasks, what is told is on the other.
    """
    s = setting(size, seed, data, paper=MNIST)
    run = s.trained()
    half = s.new.n_tasks // 2
    targets, held = s.new.select(range(half)), s.new.select(range(half, 2 * half))
    asked = {
        "task": [task(k) for k in range(s.tasks.n_tasks)],
        "instance": [
            query(k, j) for k in range(s.tasks.n_tasks) for j in range(s.tasks.query_x.shape[1])
        ],
    }
    levels = {
        "task": ranked(run, targets) | {EXACT: partial(exact, run, targets)},
        "instance": _instances(run, targets, asked["instance"], seed),
    }
    out: Cell = {"before": _told(run.problem(), run.lam, held)}
    for level, rankings in levels.items():
        out[level] = {
            n: step(f"{level}, {n}", partial(_ends, run, held, asked[level], scores))
            for n, scores in rankings.items()
        }
    return out


def _told(end: Problem, lam: Tensor, held: Tasks) -> dict[str, float]:
    return {"loss": loss(end, lam, held), "accuracy": accuracy(end, lam, held)}


def _ends(
    run: Run, held: Tasks, asked: list[Perturbation], scores: Callable[[], list[float]]
) -> dict[str, list[dict[str, float]]]:
    """After training again without the first shares of a ranking, from either end."""
    found = dict(zip(asked, scores(), strict=True))
    order = sorted(found, key=lambda p: found[p])  # harm first
    counts = [round(share * len(order)) for share in SHARES]
    ends = {"helpful": [order[-n:] for n in counts], "harmful": [order[:n] for n in counts]}
    return {
        e: [_told(run.problem(), lam, held) for lam in reruns(run, [group(c) for c in chosen])]
        for e, chosen in ends.items()
    }


def _instances(
    run: Run, targets: Tasks, asked: list[Perturbation], seed: int
) -> dict[str, Callable[[], list[float]]]:
    """What gives scores of all query instances, by ranking: positive = removal hurts the targets."""
    drawn = torch.randn(len(asked), 1, generator=torch.Generator().manual_seed(seed))

    ways: dict[str, Callable[[], Tensor]] = {
        "random": lambda: drawn,
        "training loss": lambda: -training_loss(run, asked, targets),
        "gradient norm": lambda: -gradient_norm(run, asked, targets),
        "gradient dot product": lambda: -gradient_dot(run, asked, targets),
        "TracIn": lambda: -tracin(run, asked, targets),
        IMPLICIT: partial(implicit, run, targets, asked),
        IMPLICIT_PRINTED: partial(implicit, run, targets, asked, total=False),
        RUN: lambda: -run.scores(targets, asked).value,
    }
    return {n: partial(means, way) for n, way in ways.items()}


def change(
    cells: Sequence[Cell], level: str, name: str, end: str, what: str = "loss"
) -> list[float]:
    """Change of loss (accuracy) a seed, without a fifth."""
    return [c[level][name][end][MIDDLE][what] - c["before"][what] for c in cells]
