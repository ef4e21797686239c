"""Points of two classes in the plane, and the models that Tables 1 and 2 of 004 train on them.

Linear: two Gaussians and a softmax regression. Nonlinear: two half moons and a tanh network at a minimum.
    small   150 training, 100 validation and 600 (250) test points, 2-8-2
    paper   the moons have 500, 250 and 250, and the network two hidden layers, 2-8-8-2
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.experiments.paper_004.single_level import single
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import group, query
from metainfl.problem.weights import without

SIZES = {"linear": (150, 100, 600), "nonlinear": (150, 100, 250)}
PAPER = {**SIZES, "nonlinear": (500, 250, 250)}
REGULARISER = 0.1
Labelled = tuple[Tensor, Tensor]


def plane(
    model: str, size: str, seed: int, sizes: Sequence[int]
) -> tuple[Problem, list[Labelled], np.random.Generator]:
    """The model at its minimum; training, validation and test points; what else is drawn of this seed."""
    rng = np.random.default_rng([seed, len(model)])
    parts = [points(model, n, rng) for n in sizes]
    start = torch.Generator().manual_seed(seed)
    problem = Problem(
        _net(model, start, 1 if size == "small" else 2),
        single(*parts[0]),
        NoAdaptation(),
        inner_loss=cross_entropy,
        outer_reg=REGULARISER,
    )
    problem.solve(progress=False)
    return problem, parts, rng


def points(model: str, n: int, rng: np.random.Generator) -> Labelled:
    """Inputs (n, 2) and one-hot classes (n, 2)."""
    if model == "linear":
        y = rng.integers(0, 2, n)
        x = rng.standard_normal((n, 2)) + np.where(y[:, None] == 1, 1.25, -1.25)
    else:
        x, y = make_moons(n, noise=0.25, random_state=int(rng.integers(2**31)))
    return torch.tensor(x), torch.nn.functional.one_hot(torch.tensor(y).long(), 2).double()


def retrained(problem: Problem, gone: Sequence[int]) -> Problem:
    """The model trained again without these training points."""
    rest = without(problem.tasks, group(query(0, j) for j in gone))
    again = problem.replaced(tasks=rest)
    again.solve(progress=False)
    return again


def after(problem: Problem, gone: Sequence[int], test: Labelled) -> float:
    """Accuracy on the test points of the model trained again without these training points."""
    return accuracy(retrained(problem, gone), *test)


def accuracy(problem: Problem, x: Tensor, y: Tensor) -> float:
    """The share of points that are classified rightly."""
    out = problem.setting.model(problem.lam, x.double())
    return float((out.argmax(1) == y.argmax(1)).double().mean())


def _net(model: str, draw: torch.Generator, hidden: int) -> nn.Module:
    net: nn.Module = nn.Linear(2, 2)
    if model == "nonlinear":
        more = [layer for _ in range(hidden - 1) for layer in (nn.Linear(8, 8), nn.Tanh())]
        net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), *more, nn.Linear(8, 2))
    net = net.double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=draw, dtype=torch.float64))
    return net
