"""Tables 1 and 2 of 004 in two dimensions: trimming training points by FI-util and by influence values.

Two classes from two Gaussians (or two half moons), a softmax regression (or a tanh network, 2-8-2, at a
minimum), 150 training, 100 validation and 600 test points; the 5, 10 or 20 highest by FI-util go, or those
of the lowest influence value IV (their removal lowers the validation loss most, to first order). Trained
again, accuracy on the test points. Beside: random points, and no trimming.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.statistics import interval, paired
from metainfl.influence.scores import scores
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import group, query
from metainfl.problem.tasks import Tasks
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


def single(x: Tensor, y: Tensor) -> Tasks:
    """One task without support: a single-level problem."""
    x, y = x[None].double(), y[None]
    return Tasks(x[:, :0], y[:, :0], x, y)


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


def better(model: str, n: int) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether accuracy after trimming by FI is above that after trimming by IV."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        own = [c[model][f"FI {n}"] for c in cells]
        other = [c[model][f"IV {n}"] for c in cells]
        gap = paired(own, other)
        over = paired(own, [c[model]["none"] for c in cells])
        chance = paired(own, [c[model][f"random {n}"] for c in cells])
        wins = sum(a > b for a, b in zip(own, other, strict=True))
        why = f"Better in {wins} of {len(cells)}. Over no trimming: {over}; over random points: {chance}."
        word = (
            "holds" if gap.low > 0 else "does not hold" if gap.high <= 0 else "cannot be told here"
        )
        return Verdict(word, f"difference {gap}", why)  # type: ignore[arg-type]

    return judge


def gains(model: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether trimming by FI gains over no trimming at all."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired([c[model]["FI 10"] for c in cells], [c[model]["none"] for c in cells])
        why = "Ten points. The paper prints no accuracy without trimming."
        word = (
            "holds" if gap.low > 0 else "does not hold" if gap.high <= 0 else "cannot be told here"
        )
        return Verdict(word, f"difference {gap}", why)  # type: ignore[arg-type]

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a model."""
    out = []
    for model in SIZES:
        rows: list[dict[str, Any]] = []
        for n in COUNTS:
            row: dict[str, Any] = {"trimmed": n}
            for way in WAYS:
                row[way] = str(interval([c[model][f"{way} {n}"] for c in cells]))
            row["none"] = str(interval([c[model]["none"] for c in cells]))
            rows.append(row)
        out.append(Table(model, f"Accuracy on test points, {model} model", rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Gain over no trimming, linear model."""
    for i, way in enumerate(WAYS):
        mean = [
            paired([c["linear"][f"{way} {n}"] for c in cells], [c["linear"]["none"] for c in cells])
            for n in COUNTS
        ]
        x = [n + 0.3 * (i - 1) for n in COUNTS]
        axes.errorbar(
            x, [m.mean for m in mean], [m.half for m in mean], fmt="os^"[i] + "-", label=way
        )
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xlabel("points trimmed")
    axes.set_ylabel("gain in accuracy over no trimming")
    axes.legend()


EXPERIMENT = Experiment(
    "004-trimming",
    "004",
    "Tables 1 and 2, section 5.1",
    "Trimming training points in two dimensions by FI-util and by influence values.",
    cell,
    (
        Claim("Table 1", "without 5 points by FI the linear model is better than by IV",
              "96.22 against 95.77 %, 23 of 30", better("linear", 5), "random points, no trimming"),
        Claim("Table 1", "without 20 points by FI the linear model is better than by IV",
              "96.23 against 93.36 %, 30 of 30",
              better("linear", 20), "random points, no trimming"),
        Claim("Table 2", "without 10 points by FI the nonlinear model is better than by IV", "90.24 against "
              "88.02 %, 17 of 20", better("nonlinear", 10), "random points, no trimming"),
        Claim("section 5.1", "trimming by FI improves the linear model", "not printed", gains("linear")),
        Claim("section 5.1", "trimming by FI improves the nonlinear model", "not printed",
              gains("nonlinear")),
    ),
    tables,
    figure,
    {"small": 20},
    sizes=("small",),
)  # fmt: skip
