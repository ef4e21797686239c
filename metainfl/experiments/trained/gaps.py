"""The five gaps of Bae et al. 2022 (section 4) between influence functions and retraining, on a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.statistics import interval, paired
from metainfl.experiments.trained.stages import GAPS, STAGES, agreement, cell, gap


def follows_pbrf(cells: Sequence[Cell]) -> Verdict:
    """Whether influence functions rank as PBRF does, at 0.9."""
    found = interval([agreement(c, "linear", "PBRF") for c in cells])
    word = (
        "holds"
        if found.low > 0.9
        else "does not hold"
        if found.high < 0.9
        else "cannot be told here"
    )
    return Verdict(word, f"rank correlation {found}", "Well is taken as above 0.9.")  # type: ignore[arg-type]


def above(pair: tuple[str, str], other: tuple[str, str]) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the first two agree better than the others do."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        a, b = ([agreement(c, *names) for c in cells] for names in (pair, other))
        more = paired(a, b)
        word = (
            "holds"
            if more.low > 0
            else "does not hold"
            if more.high <= 0
            else "cannot be told here"
        )
        why = f"{' with '.join(pair)}: {interval(a)}; {' with '.join(other)}: {interval(b)}."
        return Verdict(word, f"difference {more}", why)  # type: ignore[arg-type]

    return judge


def dominated(cells: Sequence[Cell]) -> Verdict:
    """Whether the first three gaps are larger than the last two."""
    first, last = ([sum(gap(c, i) for i in own) for c in cells] for own in (range(3), range(3, 5)))
    more = paired(first, last)
    word = "holds" if more.low > 0 else "does not hold" if more.high <= 0 else "cannot be told here"
    why = f"Sum of the first three {interval(first)}, of the last two {interval(last)}."
    return Verdict(word, f"difference {more}", why)  # type: ignore[arg-type]


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Gaps, and what each stage ranks as retraining does."""
    gaps: list[dict[str, Any]] = [
        {"gap": name, "size": str(interval([gap(c, i) for c in cells]))}
        for i, name in enumerate(GAPS)
    ]
    ranks: list[dict[str, Any]] = [
        {
            "stage": s,
            "with retraining": str(interval([agreement(c, s, "cold") for c in cells])),
            "with PBRF": str(interval([agreement(c, s, "PBRF") for c in cells])),
        }
        for s in (*STAGES[1:], "derivative")
    ]
    return [
        Table("gaps", "Mean change between stages, in mean effects of removal", gaps),
        Table("ranks", "Rank correlation over ten removals", ranks),
    ]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """The size of each gap."""
    found = [interval([gap(c, i) for c in cells]) for i in range(len(GAPS))]
    axes.errorbar(range(len(GAPS)), [f.mean for f in found], [f.half for f in found], fmt="o")
    axes.set_xticks(range(len(GAPS)), [g.replace("-", "-\n") for g in GAPS])
    axes.set_yscale("log")
    axes.set_ylabel("mean change / mean effect")


EXPERIMENT = Experiment(
    "bae-gaps",
    "Bae et al. 2022",
    "section 4",
    "Five gaps between influence functions and retraining, on a network that was trained.",
    cell,
    (
        Claim("section 5", "influence functions with Gauss-Newton and damping follow PBRF", "a figure",
              follows_pbrf),
        Claim("section 5", "they follow PBRF better than retraining", "a figure",
              above(("linear", "PBRF"), ("linear", "cold"))),
        Claim("section 4", "warm start, proximity and non-convergence make the difference, not linearisation "
              "and solver", "a figure", dominated),
        Claim("not in the paper", "the run's derivative follows retraining better than influence functions",
              "not compared", above(("derivative", "cold"), ("linear", "cold")), "the run's derivative"),
    ),
    tables,
    figure,
    {"small": 10, "paper": 10},
)  # fmt: skip
