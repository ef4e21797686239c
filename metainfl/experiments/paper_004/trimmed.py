"""Accuracy after trimming training points in two dimensions: what Tables 1 and 2 of 004 hold.

Two classes from two Gaussians (or two half moons), a softmax regression (or a tanh network at a minimum);
the 5, 10 or 20 highest by FI-util go, or those of the lowest influence value IV (their removal lowers the
validation loss most, to first order). Trained again, accuracy on the test points. Beside: no trimming, random
points, the lowest Shapley values of the nearest neighbours' game (Figure 11 has a Shapley value, and does not
say whose), and the largest norm of d loss / d input, FI without its metric.
    small   150 training, 100 validation and 600 (250) test points, 2-8-2
    paper   the moons have 500, 250 and 250, and the network two hidden layers, 2-8-8-2
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.paper_004.single_level import single
from metainfl.influence.scores import scores
from metainfl.methods.game import knn_shapley
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import group, query, shift
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import without

COUNTS = (5, 10, 20)
SIZES = {"linear": (150, 100, 600), "nonlinear": (150, 100, 250)}
PAPER = {**SIZES, "nonlinear": (500, 250, 250)}
WAYS = ("FI", "IV", "random", "KNN-Shapley", "Jacobian norm")
NEIGHBOURS = 5


def points(model: str, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Inputs (n, 2) and one-hot classes (n, 2)."""
    if model == "linear":
        y = rng.integers(0, 2, n)
        x = rng.standard_normal((n, 2)) + np.where(y[:, None] == 1, 1.25, -1.25)
    else:
        x, y = make_moons(n, noise=0.25, random_state=int(rng.integers(2**31)))
    return torch.tensor(x), torch.nn.functional.one_hot(torch.tensor(y).long(), 2).double()


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy on test points, by model, way of trimming and number of points; what share is of one class."""
    out: Cell = {}
    for model, sizes in (SIZES if size == "small" else PAPER).items():
        rng = np.random.default_rng([seed, len(model)])
        train, valid, test = (points(model, n, rng) for n in sizes)
        torch_start = torch.Generator().manual_seed(seed)
        problem = Problem(
            _net(model, torch_start, 1 if size == "small" else 2),
            single(*train),
            NoAdaptation(),
            inner_loss=cross_entropy,
            outer_reg=0.1,
        )
        problem.solve(progress=False)
        every = [query(0, j) for j in range(sizes[0])]
        checked = single(*valid)
        measure = fi_util(problem, every, checked)
        value = -scores(problem, every, checked).value[:, 0]
        order = {
            "FI": torch.argsort(measure, descending=True).tolist(),
            "IV": torch.argsort(value).tolist(),
            "random": rng.permutation(sizes[0]).tolist(),
            "KNN-Shapley": _neighbours(train, valid),
            "Jacobian norm": torch.argsort(_slopes(problem, checked), descending=True).tolist(),
        }
        whole = _accuracy(problem, *test)
        out[model] = {"none": whole}
        for way in WAYS:
            classes = train[1][order[way][: COUNTS[-1]]].mean(0)
            out[model][f"{way}, one class"] = float(classes.max())
            for n in COUNTS:
                rest = without(problem.tasks, group(every[j] for j in order[way][:n]))
                again = problem.replaced(tasks=rest)
                again.solve(progress=False)
                out[model][f"{way} {n}"] = _accuracy(again, *test)
    return out


def _neighbours(train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor]) -> list[int]:
    """Training points by the Shapley value of the nearest neighbours' game, the lowest first."""
    (x, y), (vx, vy) = ((a.numpy(), b.argmax(1).numpy()) for a, b in (train, valid))
    values = knn_shapley(x, y, vx, vy, NEIGHBOURS).values.mean(1)
    return [int(j) for j in np.argsort(values, kind="stable")]


def _slopes(problem: Problem, valid: Tasks) -> Tensor:
    """|d loss on the validation data / d input| of every training point (n,)."""
    n, d = problem.tasks.query_x.shape[1:]
    moves = [shift("query", 0, j, a) for j in range(n) for a in range(d)]
    return scores(problem, moves, valid).value[:, 0].reshape(n, d).norm(dim=1)


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


def _accuracy(problem: Problem, x: Tensor, y: Tensor) -> float:
    out = problem.setting.model(problem.lam, x.double())
    return float((out.argmax(1) == y.argmax(1)).double().mean())
