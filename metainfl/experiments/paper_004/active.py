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

import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.data import pixels, read_digits
from metainfl.derive.problem import Problem
from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004.buying import (
    WAYS,
    Parts,
    better,
    curve,
    initially,
    later,
    mean_after,
)
from metainfl.experiments.paper_004.single_level import single
from metainfl.metrics.intervals import interval, paired
from metainfl.problem.losses import cross_entropy
from metainfl.problem.model import Linear

FIRST, POOL, VALID, TEST = 20, 200, 100, 400
ROUNDS, BOUGHT, COMPONENTS, CLASSES = 5, 10, 16, 10


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
    made = {"rounds": ROUNDS, "bought": BOUGHT, "seed": seed}
    return {way: curve(way, drawn(seed), trained, **made) for way in WAYS}


def trained(x: Tensor, y: Tensor) -> tuple[Problem, Callable[[Tensor], Tensor]]:
    """The softmax regression at its minimum, and what it reads of inputs: the inputs."""
    problem = Problem(
        Linear(COMPONENTS, CLASSES), single(x, y), NoAdaptation(), inner_loss=cross_entropy,
        outer_reg=0.1,
    )  # fmt: skip
    problem.solve(x.new_zeros(COMPONENTS * CLASSES), progress=False)
    return problem, lambda inputs: inputs


def alike(cells: Sequence[Cell]) -> Verdict:
    """Whether BALD is as good as chance, to half a per cent."""
    gap = paired(mean_after(cells, "BALD"), mean_after(cells, "random"))
    near = gap.low >= -0.005 and gap.high <= 0.005
    away = gap.low > 0.005 or gap.high < -0.005
    word = telling.told(near, away)
    return Verdict(word, f"difference {gap}", "Comparable is taken as within half a per cent.")


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
        Claim("section 5.2", "after the first round influence values are below choosing at random",
              "initially underperforms", initially("IV", "random")),
        Claim("section 5.2", "BALD is comparable with choosing at random", "a figure, on tabular data",
              alike),
        Claim("section 5.2", "it leads BALD more in the second half of the rounds",
              "diverges in the latter stages", later("BALD")),
        Claim("section 5.2", "it leads choosing at random more in the second half of the rounds",
              "diverges in the latter stages", later("random")),
        Claim("not in the paper", "FI-active is better than the smallest margin", "not compared",
              better("margin"), "the smallest margin"),
    ),
    tables,
    figure,
    {"small": 20},
    sizes=("small",),
    trains=False,
)  # fmt: skip
