"""Trimming and buying labels on real tables, by logistic regression: what Figures 2, 3, 8 and 11 of 004 hold.

    small   scikit-learn's breast cancer (569 rows, 30 numbers): 200 training, 100 validation, 269 test rows
    paper   adult, bank, celeba and jigsaw, those of them that lie in the folder of data as tables: 5,000
            training and 4,200 test rows (appendix D.1), 1,000 for validation, which the paper does not number
"noisy": a tenth of the training rows have noise of variance 0.1 on their features; of celeba, whose features
are two-valued, six are turned over. Budgets are ours: the paper's stand in a figure. The model's own Shapley
value at the small size alone. Buying as in `buying`; pools of Table 4 at the paper's size, and its rounds, as
long as a purchase leaves something in the pool: it has twelve of 500 from Adult's 5,000. The ranking of rows
and each way of buying are steps of the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metainfl.adaptation import NoAdaptation
from metainfl.data import LabelledData
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.paper_004.buying import WAYS as BUYING
from metainfl.experiments.paper_004.buying import curve
from metainfl.experiments.paper_004.logistic_game import shapley_order
from metainfl.experiments.paper_004.planes import REGULARISER, accuracy, after
from metainfl.experiments.paper_004.single_level import single
from metainfl.experiments.paper_004.table_data import drawn, noisy, tables_of
from metainfl.experiments.paper_004.trimmed import SHAPLEY, orders
from metainfl.problem.losses import cross_entropy
from metainfl.problem.model import Linear

COUNTS = (10, 20, 40)
KINDS = ("clean", "noisy")
ORDERS = 20  # of the rows, for the Shapley value
SMALL = {"train": 200, "valid": 100, "test": 269}
PAPER = {"train": 5000, "valid": 1000, "test": 4200}
#: labelled, pool, rounds, bought a round
SMALL_BUYING = (20, 200, 5, 10)
TABLE_4 = {
    "adult": (300, 5000, 9, 500),
    "celeba": (300, 3000, 11, 150),
    "jigsaw": (180, 5000, 8, 500),
}


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By table: accuracy after trimming, clean and noisy, and after each round of buying."""
    return {
        name: {
            **{kind: trimming(table, kind, size, seed) for kind in KINDS},
            **buying(name, table, size, seed),
        }
        for name, table in tables_of(size, data).items()
    }


def share(name: str) -> float:
    """Test rows to a training row, of a table by name."""
    sizes = SMALL if name == "breast_cancer" else PAPER
    return sizes["test"] / sizes["train"]


def trimming(table: LabelledData, kind: str, size: str, seed: int) -> dict[str, float]:
    """Accuracy on the test rows, by way of trimming and number of rows."""
    parts = drawn(table, SMALL if size == "small" else PAPER, seed)
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    x, y = parts["train"]
    if kind == "noisy":
        x = noisy(table, x, rng)
    net = nn.Linear(x.shape[1], y.shape[1]).double()
    for p in net.parameters():
        nn.init.zeros_(p)
    problem = Problem(
        net, single(x, y), NoAdaptation(), inner_loss=cross_entropy, outer_reg=REGULARISER
    )
    problem.solve(progress=False)
    ranking = partial(orders, problem, (x, y), parts["valid"], rng)
    order = step(f"{table.name}, {kind} rows ranked", ranking)
    if size == "small":
        sides = (_with_one(x), y), (_with_one(parts["valid"][0]), parts["valid"][1])
        order[SHAPLEY] = shapley_order(*sides, REGULARISER, samples=ORDERS, seed=seed)
    found = {
        f"{way} {n}": after(problem, gone[:n], parts["test"])
        for way, gone in order.items()
        for n in COUNTS
    }
    return {"none": accuracy(problem, *parts["test"]), **found}


def buying(name: str, table: LabelledData, size: str, seed: int) -> dict[str, Any]:
    """Accuracy after each round, by way, under "buying"; nothing where Table 4 has no such table."""
    if size != "small" and name not in TABLE_4:
        return {}
    first, pool, rounds, bought = SMALL_BUYING if size == "small" else TABLE_4[name]
    whole = SMALL if size == "small" else PAPER
    sizes = {"labelled": first, "pool": pool, "valid": whole["valid"], "test": whole["test"]}
    parts = drawn(table, sizes, seed)
    made = {"rounds": rounds, "bought": bought, "seed": seed}
    ways = {way: partial(curve, way, parts, trained, **made) for way in BUYING}
    return {"buying": {way: step(f"{name}, bought by {way}", go) for way, go in ways.items()}}


def trained(x: Tensor, y: Tensor) -> tuple[Problem, Callable[[Tensor], Tensor]]:
    """The regression at its minimum, with a constant among its inputs."""
    x = _with_one(x)
    start = x.new_zeros(x.shape[1] * y.shape[1])
    model = Linear(x.shape[1], y.shape[1])
    problem = Problem(
        model, single(x, y), NoAdaptation(), inner_loss=cross_entropy, outer_reg=REGULARISER
    )
    problem.solve(start, progress=False)
    return problem, _with_one


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(len(x), 1)], 1)
