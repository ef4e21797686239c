"""Scores of real training tasks and of tasks of noise, and how many tests put them in order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature.gauss_newton import factors, outer
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.networks import accuracy
from metainfl.experiments.paper_002.mixed import REGIMES, Mixed, flat, mixed, regimes, trained
from metainfl.experiments.paper_002.treatments import filtered, largest
from metainfl.metrics.detection import proper_order
from metainfl.problem.perturbation import group, task
from metainfl.problem.tasks import Tasks
from metainfl.solve.buffer import buffered
from metainfl.solve.pseudo_inverse import pseudo_inverse
from metainfl.training import Run, objective

KEPT = 256  # columns of the Gauss-Newton matrix
DENSE, WIDE = 20_000, 1024  # parameters above which the matrix is never formed; columns kept there
SIZES: dict[str, int] = {"steps": 600}
GN, DOT, RUN = f"Gauss-Newton, {KEPT}", "dot product", "derivative of the run"
BUFFER = f"Gauss-Newton, buffer of {WIDE}"  # what stands in for GN where the matrix is not formed
#: what is known of the order of a test: of medians the run's derivative says nothing
KNOWN = (GN, "mean"), (GN, "median"), (DOT, "mean"), (DOT, "median"), (RUN, "mean")
SPREAD = ("plain", "8 angles")  # regimes whose scores are shown


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By regime: accuracies, and the share of tests in proper order by each score."""
    m = mixed(size, seed, data, **SIZES)
    out: Cell = {
        "tasks": m.tasks.n_tasks,
        "noise": m.tasks.n_tasks - m.normal,
        "tests": m.tests.n_tasks,
    }
    tests, real = flat(m, m.tests), flat(m, m.tasks.select(range(m.normal)))
    for regime in regimes(size):
        out[regime] = step(regime, partial(_one, m, regime, tests, real))
    return out


def _one(m: Mixed, regime: str, tests: Tasks, real: Tasks) -> dict[str, Any]:
    """Of one regime, and for some of them means and deviations of the scores."""
    run, copies = trained(m, "MAML", regime)
    end = objective(run)
    scores = {n: summed(s, copies) for n, s in at_the_end(end, tests).items()}
    out = {
        "train": accuracy(end, end.lam, real),
        "test": accuracy(end, end.lam, tests),
        "proper": {n: in_order(s, m.normal) for n, s in scores.items()}
        | {RUN: {"mean": float(np.mean(by_the_run(run, tests, copies, m.normal)))}},
    }
    if regime in SPREAD:
        losses = end.losses(end.lam, tests)
        out["spread"] = _spread(scores[called(GN, scores)], losses, m.normal)
    return out


def at_the_end(end: Problem, tests: Tasks) -> dict[str, Tensor]:
    """Scores (T', tests) of the last state: by Gauss-Newton as 002 has it, and without a matrix."""
    own, slopes = end.task_gradients(end.lam), end.task_gradients(end.lam, tests).T
    if end.n_meta > DENSE:  # 002's way: the columns of one task after another, 1,024 kept
        buffer = buffered(factors(end), WIDE)
        return {BUFFER: own @ pseudo_inverse(buffer, slopes), DOT: own @ slopes}
    matrix = outer(factors(end)) + end.outer_reg * torch.eye(end.n_meta).to(own)
    spectrum = torch.linalg.eigh(matrix)
    inverse = filtered((spectrum.eigenvalues, spectrum.eigenvectors), slopes, largest(KEPT))
    return {GN: own @ inverse, DOT: own @ slopes}


def called(score: str, known: Container[str]) -> str:
    """The name of a score among those that are known: GN by its buffer's where that was used."""
    return BUFFER if score == GN and GN not in known else score


def summed(scores: Tensor, copies: Tensor) -> Tensor:
    """Of each task (T, tests): the sum over its copies, which is its group's influence (002, eq. 9)."""
    whole = scores.new_zeros(int(copies.max()) + 1, scores.shape[1])
    return whole.index_add_(0, copies, scores)


def in_order(scores: Tensor, normal: int) -> dict[str, float]:
    """The share of tests in which real tasks have the larger mean, and the larger median."""
    columns = scores.T.tolist()
    return {
        by: float(np.mean([proper_order(c[:normal], c[normal:], by=by) for c in columns]))
        for by in ("mean", "median")
    }


def by_the_run(run: Run, tests: Tasks, copies: Tensor, normal: int) -> list[bool]:
    """The order of means in each test by the run's exact derivative: two directions, whatever the tests."""
    real = [task(k) for k in range(len(copies)) if copies[k] < normal]
    noise = [task(k) for k in range(len(copies)) if copies[k] >= normal]
    moved = run.influence([group(real), group(noise)]).value @ run.target_slopes(tests).T
    means = -moved / torch.tensor([[normal], [int(copies.max()) + 1 - normal]]).to(moved)
    ordered: list[bool] = (means[0] > means[1]).tolist()
    return ordered


def _spread(scores: Tensor, losses: Tensor, normal: int) -> list[list[float]]:
    """A test a row, the smallest loss first: its loss; mean and deviation of real tasks, and of noise."""
    sides = [f(s) for s in (scores[:normal], scores[normal:]) for f in (_mean, _deviation)]
    rows = torch.stack([losses, *sides], dim=1)
    return [[float(f"{v:.4g}") for v in row] for row in rows[losses.argsort(stable=True)].tolist()]


def _mean(scores: Tensor) -> Tensor:
    return scores.mean(0)


def _deviation(scores: Tensor) -> Tensor:
    return scores.std(0)


def tried(cells: Sequence[Cell]) -> list[str]:
    """The regimes that cells have, in their order."""
    return [n for n in REGIMES if n in cells[0]]


def shares(cells: Sequence[Cell], where: str, by: str = GN, what: str = "mean") -> list[float]:
    """Of tests in proper order, one a seed."""
    return [c[where]["proper"][called(by, c[where]["proper"])][what] for c in cells]
