"""Section 1 of 004: logistic regression with one coefficient and no constant, x > 0.

p(y = 1 | x) = 1/(1 + exp(-x beta)), not regularised: 60 training, 100 validation and 2,000 test points, x
uniform from 0.2 to 2, labels by beta = 1, sixteen training points of each class at least; the labels of eight
of them are turned, four of each class. Blamed is class 1 where the validation loss rises with beta at the
minimum (the paper's case), else 0 (the same with classes exchanged). Every training point is removed for
real, and so are the eight that IV, FI-util and chance name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.paper_004.single_level import single
from metainfl.influence.scores import scores
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import group, query
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import without

SIZES = {"train": 60, "valid": 100, "test": 2000}
TURNED, BETA = 4, 1.0
FEWEST = 4 * TURNED  # of each class: without all of one there is no minimum
WAYS = ("IV", "FI", "random", "turned")


class Logistic(nn.Module):
    """Outputs (n, 2): zero for class 0, x beta for class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 2) from (n, 1)."""
        return torch.cat([torch.zeros_like(x), x * self.beta], dim=-1)


def drawn(rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
    """Inputs (n, 1), all above zero, and one-hot labels."""
    x = rng.uniform(0.2, 2.0, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-BETA * x))).astype(int)
    return torch.tensor(x)[:, None], nn.functional.one_hot(torch.tensor(y), 2).double()


def asked(seed: int) -> tuple[Problem, Tasks, Tasks, list[int], np.random.Generator]:
    """At the minimum: the problem, validation and test data, and the points whose labels were turned."""
    rng = np.random.default_rng([seed, 1])
    x, y = drawn(rng, SIZES["train"])
    while y.sum(0).min() < FEWEST:
        x, y = drawn(rng, SIZES["train"])
    turned = [
        int(j) for k in (0, 1) for j in rng.permutation(np.flatnonzero(y[:, k] == 1))[:TURNED]
    ]
    y[turned] = y[turned].flip(1)
    problem = Problem(
        Logistic(), single(x, y), NoAdaptation(), inner_loss=cross_entropy, outer_reg=0.0
    )
    problem.solve(progress=False)
    valid, test = (single(*drawn(rng, SIZES[name])) for name in ("valid", "test"))
    return problem, valid, test, turned, rng


def cell(_: str, seed: int, __: Path | None) -> Cell:
    """What IV and real removals say by class; classes of what is trimmed, and mean losses after it."""
    problem, valid, test, turned, rng = asked(seed)
    n = problem.tasks.query_x.shape[1]
    every, kind = [query(0, j) for j in range(n)], problem.tasks.query_y[0].argmax(1)
    blamed = kind == int(float(problem.task_gradients(problem.lam, valid)) > 0)
    value = -scores(problem, every, valid).value[:, 0]
    before = {"valid": _loss(problem, [], valid), "test": _loss(problem, [], test)}
    gain = torch.tensor([before["valid"] - _loss(problem, [j], valid) for j in range(n)])
    order = {
        "IV": value.argsort().tolist(),
        "FI": fi_util(problem, every, valid).argsort(descending=True).tolist(),
        "random": rng.permutation(n).tolist(),
        "turned": turned,
    }
    out: Cell = {
        "as stated": float(((value < 0) == blamed).double().mean()),
        "hurts, blamed": float((gain[blamed] > 0).double().mean()),
        "hurts, other": float((gain[~blamed] > 0).double().mean()),
        "of the other": int((~blamed).sum()),
        "none": {"one class": 0.0, **before},
    }
    for way in WAYS:
        gone = order[way][: 2 * TURNED]
        share = float((kind[gone] == 1).double().mean())
        after = {"valid": _loss(problem, gone, valid), "test": _loss(problem, gone, test)}
        out[way] = {"one class": max(share, 1 - share), **after}
    return out


def _loss(problem: Problem, gone: Sequence[int], targets: Tasks) -> float:
    """Mean loss of the targets after training without some points."""
    there = problem
    if gone:
        rest = without(problem.tasks, group(query(0, j) for j in gone))
        there = problem.replaced(tasks=rest)
        there.solve(progress=False)
    return float(there.losses(there.lam, targets)) / targets.query_x.shape[1]
