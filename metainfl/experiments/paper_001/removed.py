"""Loss and accuracy after training again without the first shares of a ranking: what Figures 2 and 3 draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from metainfl.experiments.experiment import Cell
from metainfl.experiments.networks import accuracy, damping, loss
from metainfl.experiments.rankings import ranked
from metainfl.experiments.settings import MNIST, setting
from metainfl.influence.scores import scores as scores_of
from metainfl.methods.run import gradient_dot
from metainfl.problem.perturbation import Perturbation, group, query, task
from metainfl.problem.tasks import Tasks
from metainfl.solve import CG
from metainfl.training import Run

SHARES = (0.1, 0.2, 0.4)
MIDDLE = SHARES.index(0.2)
EXACT, RUN, IMPLICIT = "exact removal, one by one", "derivative of the run", "instance-IF"
ENDS = ("helpful", "harmful")


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By level, ranking and end: loss and accuracy of held-out tasks after retraining without the top shares.

    Scores are on one half of the new tasks, what is told is on the other.
    """
    s = setting(size, seed, data, paper=MNIST)
    run = s.trained()
    half = s.new.n_tasks // 2
    targets, held = s.new.select(range(half)), s.new.select(range(half, 2 * half))
    end = run.problem()

    def told(lam: Tensor) -> dict[str, float]:
        return {"loss": loss(end, lam, held), "accuracy": accuracy(end, lam, held)}

    tasks = {task(k): k for k in range(s.tasks.n_tasks)}
    rankings = {n: dict(zip(tasks, v, strict=True)) for n, v in ranked(run, targets).items()}
    each, base = run.replay_many(list(tasks)), loss(end, run.lam, targets)
    rankings[EXACT] = {
        p: loss(end, lam, targets) - base for p, lam in zip(tasks, each, strict=True)
    }
    levels = {"task": rankings, "instance": _instances(run, targets, seed)}
    out: Cell = {"before": told(run.lam)}
    for level, found in levels.items():
        out[level] = {}
        for name, scores in found.items():
            order = sorted(scores, key=lambda p: scores[p])  # harm first
            counts = [round(share * len(order)) for share in SHARES]
            ends = {"helpful": [order[-n:] for n in counts], "harmful": [order[:n] for n in counts]}
            out[level][name] = {
                e: [told(run.replay({group(c): 0.0}).lam) for c in chosen]
                for e, chosen in ends.items()
            }
    return out


def _instances(run: Run, targets: Tasks, seed: int) -> dict[str, dict[Perturbation, float]]:
    """Scores of all query instances, by ranking: positive = removal hurts the targets."""
    end, tasks = run.problem(), run.program.problem.tasks
    asked = [query(k, j) for k in range(tasks.n_tasks) for j in range(tasks.query_x.shape[1])]
    damped = {"solver": CG(rtol=1e-4), "damping": damping(run), "allow_nonstationary": True}
    found = {
        "random": torch.randn(len(asked), 1, generator=torch.Generator().manual_seed(seed)),
        "gradient dot product": -gradient_dot(run, asked, targets),
        IMPLICIT: -scores_of(end, asked, targets, **damped).value,  # type: ignore[arg-type]
        RUN: -run.scores(targets, asked).value,
    }
    means = {n: v.double().mean(1).tolist() for n, v in found.items()}
    return {n: dict(zip(asked, v, strict=True)) for n, v in means.items()}


def change(
    cells: Sequence[Cell], level: str, name: str, end: str, what: str = "loss"
) -> list[float]:
    """Change of loss (accuracy) a seed, without a fifth."""
    return [c[level][name][end][MIDDLE][what] - c["before"][what] for c in cells]
