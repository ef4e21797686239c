"""Tables 1 and 2 of 004 in two dimensions: trimming training points by FI-util and by influence values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004.boundaries import drawn
from metainfl.experiments.paper_004.trimmed import COUNTS, SHAPLEY, SIZES, cell, ways_of
from metainfl.metrics.intervals import interval, paired

#: place, model, points, and what the paper prints
PRINTED = (
    ("Table 1", "linear", 5, "96.22 against 95.77 %, 23 of 30"),
    ("Table 1", "linear", 10, "96.20 against 94.84 %, 28 of 30"),
    ("Table 1", "linear", 20, "96.23 against 93.36 %, 30 of 30"),
    ("Table 2", "nonlinear", 5, "IV 87.50 %, 17 of 20"),
    ("Table 2", "nonlinear", 10, "90.24 against 88.02 %, 17 of 20"),
    ("Table 2", "nonlinear", 20, "90.32 against 87.80 %, 15 of 20"),
)


def better(model: str, n: int, way: str = "IV") -> Callable[[Sequence[Cell]], Verdict]:
    """Whether accuracy after trimming by FI is above that after trimming by another way."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        own = [c[model][f"FI {n}"] for c in cells]
        other = [c[model][f"{way} {n}"] for c in cells]
        gap = paired(own, other)
        over = paired(own, [c[model]["none"] for c in cells])
        chance = paired(own, [c[model][f"random {n}"] for c in cells])
        wins = sum(a > b for a, b in zip(own, other, strict=True))
        why = f"Better in {wins} of {len(cells)}. Over no trimming: {over}; over random points: {chance}."
        word = telling.above(gap)
        return Verdict(word, f"accuracy: difference {gap}", why)

    return judge


def one_class(model: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether IV's twenty points are of one class more than FI's are."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        iv, fi = ([c[model][f"{w}, one class"] for c in cells] for w in ("IV", "FI"))
        gap = paired(iv, fi)
        why = f"The larger class's share of twenty points: IV {interval(iv)}, FI {interval(fi)}."
        return Verdict(telling.above(gap), f"share of points: difference {gap}", why)

    return judge


def gains(model: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether trimming by FI gains over no trimming at all."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired([c[model]["FI 10"] for c in cells], [c[model]["none"] for c in cells])
        why = "Ten points. The paper prints no accuracy without trimming."
        word = telling.above(gap)
        return Verdict(word, f"accuracy: difference {gap}", why)

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a model."""
    out = []
    for model in SIZES:
        rows: list[dict[str, Any]] = []
        for n in COUNTS:
            row: dict[str, Any] = {"trimmed": n}
            for way in ways_of(model):
                row[way] = str(interval([c[model][f"{way} {n}"] for c in cells]))
            row["none"] = str(interval([c[model]["none"] for c in cells]))
            rows.append(row)
        out.append(Table(model, f"Accuracy on test points, {model} model", rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Gain over no trimming, linear model."""
    for i, way in enumerate(ways_of("linear")):
        mean = [
            paired([c["linear"][f"{way} {n}"] for c in cells], [c["linear"]["none"] for c in cells])
            for n in COUNTS
        ]
        x = [n + 0.3 * (i - 2.5) for n in COUNTS]
        axes.errorbar(
            x, [m.mean for m in mean], [m.half for m in mean], fmt="os^vd<"[i] + "-", label=way
        )
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xlabel("points trimmed")
    axes.set_ylabel("gain in accuracy over no trimming")
    axes.legend()


EXPERIMENT = Experiment(
    "004-trimming",
    "004",
    "Tables 1 and 2, Figures 1 and 9, section 5.1",
    "Trimming training points in two dimensions by FI-util and by influence values.",
    cell,
    (
        *(
            Claim(
                table, f"without {n} points by FI the {model} model is better than by IV", paper,
                better(model, n), "random points, no trimming",
            )
            for table, model, n, paper in PRINTED
        ),
        Claim("section 5.1, Figure 1", "the points that IV trims are more of one class than those that FI "
              "trims", "of one class alone; a figure, in certain conditions",
              one_class("linear")),
        Claim("Figure 11", "FI is better than the neighbours' Shapley value (20 points, linear)",
              "a figure, on Bank", better("linear", 20, "KNN-Shapley"), "no trimming"),
        Claim("Figure 11", "FI is better than the model's own Shapley value (20 points, linear)",
              "a figure, on Bank", better("linear", 20, SHAPLEY), "no trimming"),
        Claim("not in the paper", "FI is better than the norm of the derivative in the input (20, linear)",
              "not compared", better("linear", 20, "Jacobian norm"), "no trimming"),
        Claim("section 5.1", "trimming by FI improves the linear model", "not printed", gains("linear")),
        Claim("section 5.1", "trimming by FI improves the nonlinear model", "not printed",
              gains("nonlinear")),
    ),
    tables,
    figure,
    {"small": 20, "paper": 30},
    version=4,
    figures={"1": drawn("linear"), "9": drawn("nonlinear")},
    trains=False,
)  # fmt: skip
