"""Scores of real training tasks and of tasks of noise, and how many tests put them in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature.gauss_newton import factors
from metainfl.experiments.experiment import Cell
from metainfl.experiments.networks import accuracy
from metainfl.experiments.paper_002.mixed import LEARNERS, REGIMES, flat, mixed, trained
from metainfl.experiments.paper_002.treatments import filtered, largest
from metainfl.metrics.detection import proper_order
from metainfl.problem.perturbation import task
from metainfl.solve.factored import buffered, pseudo_inverse

KEPT = 256  # columns of the Gauss-Newton matrix
DENSE, WIDE = 20_000, 1024  # parameters above which the matrix is never formed; columns kept there
RERUN = 8  # tests that the run's derivative is asked about
SIZES: dict[str, int] = {}
GN, DOT, RUN = f"Gauss-Newton, {KEPT}", "dot product", "derivative of the run"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By learner and regime: accuracies, and the share of tests in proper order by each score."""
    m = mixed(size, seed, data, **SIZES)
    out: Cell = {
        "tasks": m.tasks.n_tasks,
        "noise": m.tasks.n_tasks - m.normal,
        "tests": m.tests.n_tasks,
    }
    tests = flat(m, m.tests)
    for learner in LEARNERS:
        for regime in REGIMES:
            run, group = trained(m, learner, regime)
            end, asked = run.problem(), [task(k) for k in range(len(group))]
            few = tests.select(range(RERUN))
            scores = {
                **_at_the_end(end, tests),
                RUN: -run.scores(few, asked).value,
            }
            real = flat(m, m.tasks.select(range(m.normal)))
            out[f"{learner}, {regime}"] = {
                "train": accuracy(end, end.lam, real),
                "test": accuracy(end, end.lam, tests),
                "proper": {n: _proper(s, group, m.normal) for n, s in scores.items()},
            }
    return out


def _at_the_end(end: Any, tests: Any) -> dict[str, Tensor]:
    """Scores (T', tests) of the last state: by Gauss-Newton as 002 has it, and without a matrix."""
    own, slopes = end.task_gradients(end.lam), end.task_gradients(end.lam, tests).T
    if end.n_meta > DENSE:  # 002's way: the columns of one task after another, 1,024 kept
        return {GN: own @ pseudo_inverse(buffered(factors(end), WIDE), slopes), DOT: own @ slopes}
    matrix = sum((v @ v.T for v in factors(end)), torch.zeros(end.n_meta, end.n_meta).to(own))
    # the regulariser of a mean over tasks, in units of their sum
    matrix = matrix + end.outer_reg * end.tasks.n_tasks * torch.eye(end.n_meta).to(own)
    spectrum = torch.linalg.eigh(matrix)
    inverse = filtered((spectrum.eigenvalues, spectrum.eigenvectors), slopes, largest(KEPT))
    return {GN: own @ inverse, DOT: own @ slopes}


def _proper(scores: Tensor, group: Tensor, normal: int) -> float:
    """The share of tests in which real tasks have the larger mean; copies of a task add up."""
    whole = scores.new_zeros(int(group.max()) + 1, scores.shape[1]).index_add_(0, group, scores)
    columns = whole.T.tolist()
    return float(np.mean([proper_order(c[:normal], c[normal:]) for c in columns]))


def shares(cells: Sequence[Cell], where: str, by: str = GN) -> list[float]:
    """Of tests in proper order, one a seed."""
    return [c[where]["proper"][by] for c in cells]
