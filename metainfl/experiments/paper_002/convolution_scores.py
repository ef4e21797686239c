"""A convolutional network's self-ranks by a buffer of columns, by no matrix, and by the training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from metainfl.adaptation import Prototypes, Unrolled
from metainfl.curvature.gauss_newton import factors, outer
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import trained
from metainfl.experiments.paper_002.mixed import LEARNERS, Mixed, mixed
from metainfl.experiments.placing import run_there
from metainfl.metrics.detection import self_rank
from metainfl.metrics.intervals import rank_agreement
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import task
from metainfl.solve.buffer import buffered
from metainfl.solve.pseudo_inverse import pseudo_inverse
from metainfl.training import Adam, Recipe, Run
from metainfl.training.networks import conv4

BUFFERS = (256, 64, 16)
WIDE = 1024  # columns at the paper's size, where all of them fit nowhere
SIZES: dict[str, int] = {"steps": 200}
DOT, WHOLE, RUN = "dot product", "Gauss-Newton, all columns", "derivative of the run"
RERUN = 8  # tests that the run's derivative is asked about


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By learner: self-ranks by score, and how scores from a buffer agree with those it stands for."""
    m = mixed(size, seed, data, **SIZES)
    out: Cell = {"tasks": m.normal}
    for learner in LEARNERS:
        run = _trained(m, learner)
        end = run.problem()
        own = end.task_gradients(end.lam)
        slopes = own[: 128 if m.wide else 16].T
        scores = {DOT: own @ slopes, **(_wide if m.wide else _buffers)(end, own, slopes)}
        asked, few = [task(k) for k in range(m.normal)], end.tasks.select(range(RERUN))
        places = {n: _self_ranks(v) for n, v in scores.items()}
        places[RUN] = _self_ranks(-run.scores(few, asked).value)
        out[learner] = {
            "parameters": end.n_meta,
            "ranks": {n: float(np.mean(v)) for n, v in places.items()},
            "places": {n: v for n, v in places.items() if n in (RUN, DOT) or "buffer" in n},
            "agreement": {
                str(n): _agreement(scores[f"buffer of {n}"], scores[f"leading {n}"])
                for n in (() if m.wide else BUFFERS)
            },
        }
    return out


def _trained(m: Mixed, learner: str) -> Run:
    """Convolutions on the real tasks alone, by MAML or as a prototypical network: two blocks, or four."""
    proto, side = learner == "prototypes", m.mean.shape[-1]
    hidden, blocks = (64, 4) if m.wide else (m.hidden // 2, 2)
    net = conv4(
        None if proto else 5, size=side, hidden=hidden, blocks=blocks, normalisation="none",
        activation="tanh", downsample="mean", seed=m.seed,
    )  # fmt: skip
    tasks = m.tasks.select(range(m.normal))
    way = Prototypes() if proto else Unrolled(1, 0.1)
    problem = Problem(net, tasks, way, inner_loss=cross_entropy, outer_reg=0.0)
    rate = 0.001 if m.wide else 0.01
    recipe = Recipe(optimiser=Adam(), rate=rate, steps=m.steps, batch_size=m.batch, seed=m.seed)
    return trained(problem, run_there(recipe))


def _wide(end: Problem, own: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Scores from a buffer that saw the columns of one task after another, and held no others."""
    return {f"buffer of {WIDE}": own @ pseudo_inverse(buffered(factors(end), WIDE), slopes)}


def _buffers(end: Problem, own: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Scores from all columns of V, from its n leading directions, and from a buffer that saw them pass."""
    every = list(factors(end))
    values, vectors = torch.linalg.eigh(outer(every))
    some = (values > 1e-12 * values[-1]).nonzero()[:, 0].flip(0)
    whole = vectors[:, some] * values[some].sqrt()  # orthogonal columns with the same V V'
    out = {WHOLE: own @ pseudo_inverse(whole, slopes)}
    for n in BUFFERS:
        out[f"leading {n}"] = own @ pseudo_inverse(whole[:, :n], slopes)
        out[f"buffer of {n}"] = own @ pseudo_inverse(buffered(every, n), slopes)
    return out


def _self_ranks(scores: Tensor) -> list[int]:
    return [self_rank(c, t) for t, c in enumerate(scores.T.tolist())]


def _agreement(a: Tensor, b: Tensor) -> float:
    columns = zip(a.T.tolist(), b.T.tolist(), strict=True)
    return float(np.mean([rank_agreement(x, y) for x, y in columns]))
