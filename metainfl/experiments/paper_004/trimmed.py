"""Accuracy after trimming training points in two dimensions: what Tables 1 and 2 of 004 hold.

Two classes from two Gaussians (or two half moons), a softmax regression (or a tanh network, 2-8-2, at a
minimum), 150 training, 100 validation and 600 test points; the 5, 10 or 20 highest by FI-util go, or those
of the lowest influence value IV (their removal lowers the validation loss most, to first order). Trained
again, accuracy on the test points. Beside: random points, and no trimming.
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
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import group, query
from metainfl.problem.weights import without

COUNTS = (5, 10, 20)
SIZES = {"linear": (150, 100, 600), "nonlinear": (150, 100, 250)}
WAYS = ("FI", "IV", "random")


def points(model: str, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Inputs (n, 2) and one-hot classes (n, 2)."""
    if model == "linear":
        y = rng.integers(0, 2, n)
        x = rng.standard_normal((n, 2)) + np.where(y[:, None] == 1, 1.25, -1.25)
    else:
        x, y = make_moons(n, noise=0.25, random_state=int(rng.integers(2**31)))
    return torch.tensor(x), torch.nn.functional.one_hot(torch.tensor(y).long(), 2).double()


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy on test points, by model, way of trimming and number of points."""
    out: Cell = {}
    for model, sizes in SIZES.items():
        rng = np.random.default_rng([seed, len(model)])
        train, valid, test = (points(model, n, rng) for n in sizes)
        torch_start = torch.Generator().manual_seed(seed)
        problem = Problem(
            _net(model, torch_start),
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
        }
        whole = _accuracy(problem, *test)
        out[model] = {"none": whole}
        for way in WAYS:
            for n in COUNTS:
                rest = without(problem.tasks, group(every[j] for j in order[way][:n]))
                again = problem.replaced(tasks=rest)
                again.solve(progress=False)
                out[model][f"{way} {n}"] = _accuracy(again, *test)
    return out


def _net(model: str, draw: torch.Generator) -> nn.Module:
    net: nn.Module = nn.Linear(2, 2)
    if model == "nonlinear":
        net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    net = net.double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=draw, dtype=torch.float64))
    return net


def _accuracy(problem: Problem, x: Tensor, y: Tensor) -> float:
    out = problem.setting.model(problem.lam, x.double())
    return float((out.argmax(1) == y.argmax(1)).double().mean())
