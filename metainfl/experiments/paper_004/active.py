"""Figure 3 of 004 on digits: which data to label next, by FI-active, BALD, influence values, or at random.

A softmax regression on sixteen principal components of scikit-learn's digits: 20 labelled, a pool of 200,
ten bought a round for five rounds, trained again each time; accuracy on 400 others. FI-active is the mean
of the middle 80 % over the labelled data (the paper's choice), influence values IV are taken anew each
round, for the predicted label, on 100 validation data. Beside: the smallest margin between the two
likeliest classes, which the paper leaves out. One draw of data a seed, the same for every way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.data import pixels, read_digits
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004.trimming import single
from metainfl.experiments.statistics import interval, paired
from metainfl.methods.implicit.bald import bald, laplace
from metainfl.methods.implicit.fi_active import fi_active, predicted_slopes
from metainfl.problem.losses import cross_entropy
from metainfl.problem.model import Linear
from metainfl.problem.perturbation import query

WAYS = ("FI", "BALD", "IV", "random", "margin")
FIRST, POOL, VALID, TEST = 20, 200, 100, 400
ROUNDS, BOUGHT, COMPONENTS, CLASSES = 5, 10, 16, 10
Parts = dict[str, tuple[Tensor, Tensor]]


def drawn(seed: int) -> Parts:
    """Inputs (n, 16) and one-hot labels of the labelled, pool, validation and test data."""
    digits = read_digits()
    x = pixels(digits.x).flatten(1).double()
    x = x - x.mean(0)
    x = x @ torch.linalg.svd(x, full_matrices=False)[2][:COMPONENTS].T
    y = torch.nn.functional.one_hot(digits.labels.long(), CLASSES).double()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    out, a = {}, 0
    for name, n in (("labelled", FIRST), ("pool", POOL), ("valid", VALID), ("test", TEST)):
        out[name] = x[order[a : a + n]], y[order[a : a + n]]
        a += n
    return out


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy after each round (6,), by way of choosing."""
    return {way: _curve(way, drawn(seed), seed) for way in WAYS}


def _curve(way: str, parts: Parts, seed: int) -> list[float]:
    (x, y), (px, py) = parts["labelled"], parts["pool"]
    rng, accuracy = np.random.default_rng(seed), []
    for turn in range(ROUNDS + 1):
        problem = _trained(x, y)
        out = parts["test"][0] @ problem.lam.reshape(COMPONENTS, CLASSES)
        accuracy.append(float((out.argmax(1) == parts["test"][1].argmax(1)).double().mean()))
        if turn == ROUNDS:
            break
        chosen = torch.argsort(_values(way, problem, px, parts, rng), descending=True)[:BOUGHT]
        rest = torch.ones(len(px), dtype=torch.bool)
        rest[chosen] = False
        x, y = torch.cat([x, px[chosen]]), torch.cat([y, py[chosen]])
        px, py = px[rest], py[rest]
    return accuracy


def _trained(x: Tensor, y: Tensor) -> Problem:
    problem = Problem(
        Linear(COMPONENTS, CLASSES), single(x, y), NoAdaptation(), inner_loss=cross_entropy,
        outer_reg=0.1,
    )  # fmt: skip
    problem.solve(x.new_zeros(COMPONENTS * CLASSES), progress=False)
    return problem


def _values(
    way: str, problem: Problem, px: Tensor, parts: Parts, rng: np.random.Generator
) -> Tensor:
    """What is bought first, largest first; labels of the pool are not read."""
    if way == "random":
        return torch.tensor(rng.random(len(px)))
    pool = single(px, px.new_zeros(len(px), CLASSES))
    if way == "FI":
        labelled = [query(0, j) for j in range(problem.tasks.query_x.shape[1])]
        return fi_active(problem, labelled, pool, trim=0.1)[0]
    if way == "IV":
        slope = problem.task_gradients(problem.lam, single(*parts["valid"]))[0]
        turned = torch.linalg.solve(problem.hessian(problem.lam), slope)
        return predicted_slopes(problem, pool)[0] @ turned  # weight on it lowers the loss by this
    if way == "BALD":
        lams = laplace(problem, 100, seed=int(rng.integers(2**31)))
        outputs = px @ lams.reshape(-1, COMPONENTS, CLASSES)
        return bald(outputs.softmax(-1))
    first, second = (px @ problem.lam.reshape(COMPONENTS, CLASSES)).softmax(1).topk(2).values.T
    return second - first


def mean_after(cells: Sequence[Cell], way: str) -> list[float]:
    """Mean accuracy over the rounds after buying, one a seed."""
    return [float(np.mean(c[way][1:])) for c in cells]


def better(other: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether FI-active is above another way, over all rounds."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(mean_after(cells, "FI"), mean_after(cells, other))
        last = paired([c["FI"][-1] for c in cells], [c[other][-1] for c in cells])
        word = (
            "holds" if gap.low > 0 else "does not hold" if gap.high <= 0 else "cannot be told here"
        )
        why = f"Mean accuracy over five rounds; after the last: {last}."
        return Verdict(word, f"difference {gap}", why)  # type: ignore[arg-type]

    return judge


def alike(cells: Sequence[Cell]) -> Verdict:
    """Whether BALD is as good as chance, to half a per cent."""
    gap = paired(mean_after(cells, "BALD"), mean_after(cells, "random"))
    near = gap.low >= -0.005 and gap.high <= 0.005
    away = gap.low > 0.005 or gap.high < -0.005
    word = "holds" if near else "does not hold" if away else "cannot be told here"
    return Verdict(word, f"difference {gap}", "Comparable is taken as within half a per cent.")  # type: ignore[arg-type]


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Accuracy by round and way."""
    rows: list[dict[str, Any]] = [
        {
            "labelled": FIRST + r * BOUGHT,
            **{w: str(interval([c[w][r] for c in cells])) for w in WAYS},
        }
        for r in range(ROUNDS + 1)
    ]
    return [Table("rounds", "Accuracy on test data after each round", rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Accuracy against labelled data."""
    x = [FIRST + r * BOUGHT for r in range(ROUNDS + 1)]
    for i, way in enumerate(WAYS):
        found = [interval([c[way][r] for c in cells]) for r in range(ROUNDS + 1)]
        place = [v + 0.6 * (i - 2) for v in x]
        style = "osd^v"[i] + "-"
        axes.errorbar(place, [f.mean for f in found], [f.half for f in found], fmt=style, label=way)
    axes.set_xlabel("labelled data")
    axes.set_ylabel("accuracy")
    axes.legend()


EXPERIMENT = Experiment(
    "004-active",
    "004",
    "Figure 3, section 5.2",
    "Buying labels by FI-active, BALD, influence values, at random, and by the smallest margin.",
    cell,
    (
        Claim("Figure 3", "FI-active is better than choosing at random", "a figure", better("random")),
        Claim("Figure 3", "FI-active is better than BALD", "a figure", better("BALD")),
        Claim("Figure 3", "FI-active is better than influence values", "a figure", better("IV")),
        Claim("section 5.2", "BALD is comparable with choosing at random on tabular data", "a figure",
              alike),
        Claim("not in the paper", "FI-active is better than the smallest margin", "not compared",
              better("margin"), "the smallest margin"),
    ),
    tables,
    figure,
    {"small": 20, "paper": 30},
)  # fmt: skip
