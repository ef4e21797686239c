"""Accuracy after trimming training points in the plane: what Tables 1 and 2 of 004 hold.

The 5, 10 or 20 highest by FI-util go, or those of the lowest influence value IV (their removal lowers the
validation loss most, to first order). Trained again, accuracy on the test points. Beside: no trimming, random
points, the lowest Shapley values (Figure 11 has a Shapley value, and does not say whose: that of the nearest
neighbours' game, and of the linear model itself by orders of its points), and the largest norm of
d loss / d input, FI without its metric. Data and models: `planes`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.paper_004 import planes
from metainfl.experiments.paper_004.boundaries import example
from metainfl.experiments.paper_004.logistic_game import shapley_order
from metainfl.experiments.paper_004.planes import REGULARISER, Labelled, accuracy, after, plane
from metainfl.experiments.paper_004.single_level import single
from metainfl.influence.scores import scores
from metainfl.methods.game import knn_shapley
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.perturbation import query, shift
from metainfl.problem.tasks import Tasks

COUNTS = (5, 10, 20)
SIZES = planes.SIZES
WAYS = ("FI", "IV", "random", "KNN-Shapley", "Jacobian norm")
SHAPLEY = "Shapley"  # of the linear model alone: the other one's subsets have many minima
NEIGHBOURS = 5
ORDERS = 100


def ways_of(model: str) -> tuple[str, ...]:
    """The ways of trimming that a model has."""
    return (*WAYS, SHAPLEY) if model == "linear" else WAYS


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy on test points, by model, way of trimming and number of points; what share is of one class."""
    out: Cell = {}
    for model, sizes in (SIZES if size == "small" else planes.PAPER).items():
        problem, (train, valid, test), rng = plane(model, size, seed, sizes)
        order = step(f"{model}, ranked", partial(orders, problem, train, valid, rng))
        order["Jacobian norm"] = _slopes(problem, single(*valid))
        if model == "linear":
            ones = [torch.cat([a, a.new_ones(len(a), 1)], 1) for a, _ in (train, valid)]
            sides = (ones[0], train[1]), (ones[1], valid[1])
            ranking = partial(shapley_order, *sides, REGULARISER, samples=ORDERS, seed=seed)
            order[SHAPLEY] = step(f"{model}, ranked by {SHAPLEY}", ranking)
        out[model] = {"none": accuracy(problem, *test)}
        if seed == 0:  # is what is shown
            shown = partial(example, problem, train, order, COUNTS[-1])
            out[model]["example"] = step(f"{model}, boundaries", shown)
        for way in ways_of(model):
            classes = train[1][order[way][: COUNTS[-1]]].mean(0)
            out[model][f"{way}, one class"] = float(classes.max())
            out[model] |= step(
                f"{model}, without {way}", partial(_trimmed, problem, way, order[way], test)
            )
    return out


def _trimmed(problem: Problem, way: str, order: list[int], test: Labelled) -> dict[str, float]:
    """Accuracy without the first points of a ranking, by their number."""
    return {f"{way} {n}": after(problem, order[:n], test) for n in COUNTS}


def orders(
    problem: Problem, train: Labelled, valid: Labelled, rng: np.random.Generator
) -> dict[str, list[int]]:
    """Training points by what goes first: by FI-util, IV, chance, and the neighbours' Shapley value."""
    every, checked = [query(0, j) for j in range(len(train[0]))], single(*valid)
    measure = fi_util(problem, every, checked)
    value = -scores(problem, every, checked).value[:, 0]
    return {
        "FI": torch.argsort(measure, descending=True).tolist(),
        "IV": torch.argsort(value).tolist(),
        "random": rng.permutation(len(every)).tolist(),
        "KNN-Shapley": _neighbours(train, valid),
    }


def _neighbours(train: Labelled, valid: Labelled) -> list[int]:
    """Training points by the Shapley value of the nearest neighbours' game, the lowest first."""
    (x, y), (vx, vy) = ((a.numpy(), b.argmax(1).numpy()) for a, b in (train, valid))
    values = knn_shapley(x, y, vx, vy, NEIGHBOURS).values.mean(1)
    return [int(j) for j in np.argsort(values, kind="stable")]


def _slopes(problem: Problem, valid: Tasks) -> list[int]:
    """Training points by |d loss on the validation data / d input|, the largest first."""
    n, d = problem.tasks.query_x.shape[1:]
    moves = [shift("query", 0, j, a) for j in range(n) for a in range(d)]
    norms = scores(problem, moves, valid).value[:, 0].reshape(n, d).norm(dim=1)
    found: list[int] = torch.argsort(norms, descending=True).tolist()
    return found
