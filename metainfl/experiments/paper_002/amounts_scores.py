"""Networks trained on more and fewer tasks, of which some are noise: order, self-ranks and accuracies.

    fixed noise   as many tasks of noise, whatever the number of real ones
    fixed ratio   one task of noise for seven real ones
Tests are new tasks (Tables 5 to 10), and training tasks spread over real ones and noise (Tables 11 to 16).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metainfl.data.degrade import concatenated
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.networks import accuracy
from metainfl.experiments.paper_002.mixed import LEARNERS, Mixed, flat, mixed, trained
from metainfl.experiments.paper_002.noise_scores import RUN, at_the_end, by_the_run, in_order
from metainfl.metrics.detection import self_rank
from metainfl.problem.perturbation import task
from metainfl.training import objective

Amounts = tuple[tuple[int, int], ...]
#: by size and sweep: numbers of real tasks and of noise
AMOUNTS: dict[str, dict[str, Amounts]] = {
    "small": {
        "fixed noise": ((4, 16), (16, 16), (48, 16), (112, 16)),
        "fixed ratio": ((14, 2), (28, 4), (56, 8), (112, 16)),
    },
    "paper": {
        "fixed noise": tuple((n, 128) for n in (8, 16, 32, 64, 128, 384, 896, 1920)),
        "fixed ratio": ((112, 16), (224, 32), (448, 64), (896, 128)),
    },
}
STEPS = {"steps": 200}
RERUN = 4  # training tasks whose self-rank the run's derivative is asked for


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By learner and numbers of tasks; which of them each sweep has, in its order."""
    sweeps = AMOUNTS[size]
    out: Cell = {
        "sweeps": {n: [named(*pair) for pair in pairs] for n, pairs in sweeps.items()},
        **{learner: {} for learner in LEARNERS},
    }
    for normal, noise in sorted({pair for pairs in sweeps.values() for pair in pairs}):
        m = mixed(size, seed, data, tasks=normal + noise, noise=noise, **STEPS)
        for learner in LEARNERS:
            name = named(normal, noise)
            out[learner][name] = step(f"{learner}, {name}", partial(_one, m, learner))
    return out


def named(normal: int, noise: int) -> str:
    """`56 and 8`: real tasks and noise."""
    return f"{normal} and {noise}"


def _one(m: Mixed, learner: str) -> dict[str, Any]:
    run, copies = trained(m, learner)
    end, all_tasks = run.problem(), flat(m, m.tasks)
    new, many = flat(m, m.tests), m.tests.n_tasks
    places = _spread(m.tasks.n_tasks, many)
    tests = concatenated(new, all_tasks.select(places))
    scores = at_the_end(objective(run), tests)
    ordered = by_the_run(run, tests, copies, m.normal)
    few = _spread(m.tasks.n_tasks, RERUN)
    asked = [task(k) for k in range(m.tasks.n_tasks)]
    exact = -run.scores(all_tasks.select(few), asked).value
    return {
        "train": accuracy(end, end.lam, all_tasks.select(range(m.normal))),
        "test": accuracy(end, end.lam, new),
        "new": {n: in_order(s[:, :many], m.normal) for n, s in scores.items()}
        | {RUN: {"mean": float(np.mean(ordered[:many]))}},
        "own": {n: in_order(s[:, many:], m.normal) for n, s in scores.items()}
        | {RUN: {"mean": float(np.mean(ordered[many:]))}},
        "self-rank": {n: _self_rank(s[:, many:], places) for n, s in scores.items()}
        | {RUN: _self_rank(exact, few)},
    }


def _spread(n: int, count: int) -> list[int]:
    """At most `count` places of n, evenly over them."""
    return sorted({round(v) for v in np.linspace(0, n - 1, min(n, count)).tolist()})


def _self_rank(scores: torch.Tensor, places: list[int]) -> float:
    columns = zip(scores.T.tolist(), places, strict=True)
    return float(np.mean([self_rank(c, k) for c, k in columns]))
