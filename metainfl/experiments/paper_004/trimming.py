"""Tables 1 and 2 of 004 in two dimensions: trimming training points by FI-util and by influence values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004.trimmed import COUNTS, SIZES, WAYS, cell
from metainfl.experiments.statistics import interval, paired


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
        word = telling.above(gap)
        return Verdict(word, f"difference {gap}", why)

    return judge


def gains(model: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether trimming by FI gains over no trimming at all."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired([c[model]["FI 10"] for c in cells], [c[model]["none"] for c in cells])
        why = "Ten points. The paper prints no accuracy without trimming."
        word = telling.above(gap)
        return Verdict(word, f"difference {gap}", why)

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
