"""002, section 5.2: training tasks of which some are noise, and networks that fit them more or less.

    plain          nothing against overfitting
    n angles       every task as n copies, each turned by its own angle; a task's score is its group's
    decay d        weight decay: d/2 |lam|^2 for the mean loss of a query instance, as the paper counts it
Tests are tasks of no noise, of other images than any training task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from metainfl.adaptation import Prototypes, Unrolled
from metainfl.data import episodes, pixels, read_digits, read_omniglot, split_classes
from metainfl.data.augment import rotated_copies
from metainfl.data.degrade import concatenated, noise_tasks
from metainfl.derive.problem import Problem
from metainfl.experiments import kept
from metainfl.experiments.placing import run_there, there
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import Tasks
from metainfl.training import Adam, Recipe, Run
from metainfl.training.networks import conv4, mlp

LEARNERS = ("MAML", "prototypes")
#: name -> copies of a task, weight decay; the paper's, and a decay that a small network feels
REGIMES: dict[str, tuple[int, float]] = {
    "plain": (1, 0.0),
    **{f"{n} angles": (n, 0.0) for n in (2, 4, 6, 8, 10, 12, 14, 16)},
    **{f"decay {d:g}": (1, d) for d in (0.00001, 0.0001, 0.0005, 0.001, 0.005)},
}
#: those of Table 4 alone, which the small size goes without: their copies are half of its time
LARGE = tuple(f"{n} angles" for n in (6, 10, 12, 14))


def regimes(size: str) -> list[str]:
    """Names of those that are tried at a size."""
    return [n for n in REGIMES if size != "small" or n not in LARGE]


@dataclass(frozen=True)
class Mixed:
    """Images of tasks (T, n, 1, h, w), the noise last; tests; their mean image; how it is trained.

    `wide` is the paper's network: four convolutions of 64 channels, in place of one layer of `hidden`.
    """

    tasks: Tasks
    normal: int
    tests: Tasks
    mean: Tensor
    hidden: int
    steps: int
    batch: int
    wide: bool
    seed: int


def mixed(
    size: str, seed: int, data: Path | None, *, tasks: int | None = None, noise: int | None = None,
    tests: int = 32, hidden: int = 16, steps: int = 800,
) -> Mixed:  # fmt: skip
    """Small: scikit-learn's digits, 64 tasks. Paper: Omniglot at 28 x 28, 1,024 tasks, five shots, 10,000

    steps in batches of 32, and 128 tests of other characters. One in eight is noise unless told.
    """
    shots, queries, batch = 2, 4, 16
    if size == "small":
        read, tasks = read_digits(), tasks or 64
        half = torch.arange(len(read.labels)) % 2 == 0
        known, unknown = (replace(read, x=read.x[m], labels=read.labels[m]) for m in (half, ~half))
        inputs, side = pixels, 8
    else:
        known, unknown = split_classes(read_omniglot(data), (0.8, 0.2), seed=seed)
        inputs, side = partial(pixels, size=28, invert=True), 28
        tasks, tests, hidden, steps = tasks or 1024, 128, 64, 10_000
        shots, queries, batch = 5, 5, 32
    noise = tasks // 8 if noise is None else noise
    ways = {"ways": 5, "shots": shots, "queries": queries, "inputs": inputs}
    real = episodes(known, tasks - noise, seed=seed, **ways)
    random = noise_tasks(noise, (1, side, side), shots=shots, queries=queries, seed=seed)
    drawn = concatenated(real, random)
    fresh = episodes(unknown, tests, seed=100_000 + seed, **ways)
    mean, wide = inputs(known.x).mean(0), size != "small"
    return Mixed(drawn, tasks - noise, fresh, mean, hidden, steps, batch, wide, seed)


def trained(m: Mixed, learner: str, regime: str = "plain") -> tuple[Run, Tensor]:
    """The run, and the task (T',) that each training task of it belongs to."""
    angles, decay = REGIMES[regime]
    if angles > 1:
        turned = rotated_copies(m.tasks, angles, seed=m.seed, keep=True)
        tasks, group = turned.tasks, turned.group
    else:
        tasks, group = m.tasks, torch.arange(m.tasks.n_tasks)
    proto = learner == "prototypes"
    problem = Problem(
        _network(m, proto),
        flat(m, tasks),
        Prototypes() if proto else Unrolled(1, 0.1),
        inner_loss=cross_entropy,
        outer_reg=decay * tasks.query_x.shape[1],  # losses are sums over query instances
    )
    rate = 0.001 if m.wide else 0.01
    batch = min(m.batch, tasks.n_tasks)
    recipe = Recipe(optimiser=Adam(), rate=rate, steps=m.steps, batch_size=batch, seed=m.seed)
    return kept.trained(problem, run_there(recipe)), group


def _network(m: Mixed, proto: bool) -> nn.Module:
    if m.wide:
        side = m.mean.shape[-1]
        return conv4(
            None if proto else 5, size=side, hidden=m.hidden, activation="tanh", seed=m.seed
        )
    widths = (m.mean.numel(), m.hidden, m.hidden if proto else 5)
    return mlp(widths, activation="tanh", seed=m.seed)


def flat(m: Mixed, tasks: Tasks) -> Tasks:
    """Images less their mean, as the network reads them: vectors, or images where it is convolutional."""
    x = {n: getattr(tasks, n) - m.mean for n in ("support_x", "query_x")}
    return there(replace(tasks, **(x if m.wide else {n: v.flatten(2) for n, v in x.items()})))
