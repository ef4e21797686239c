"""The five gaps of Bae et al. 2022 (section 4) between influence functions and retraining, on a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.trained.stages import GAPS, STAGES, agreement, between, cell, gap
from metainfl.metrics.intervals import interval, paired


def follows_pbrf(cells: Sequence[Cell]) -> Verdict:
    """Whether influence functions rank as PBRF does, at 0.9."""
    found = interval([agreement(c, "linear", "PBRF") for c in cells])
    word = telling.above(found, 0.9)
    return Verdict(word, f"rank correlation {found}", "Well is taken as above 0.9.")


def above(pair: tuple[str, str], other: tuple[str, str]) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the first two agree better than the others do."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        a, b = ([agreement(c, *names) for c in cells] for names in (pair, other))
        more = paired(a, b)
        word = telling.above(more)
        why = f"{' with '.join(pair)}: {interval(a)}; {' with '.join(other)}: {interval(b)}."
        return Verdict(word, f"difference {more}", why)

    return judge


def dominated(cells: Sequence[Cell]) -> Verdict:
    """Whether the first three gaps together change effects more than the last two together."""
    ends = (("cold", "PBRF"), ("PBRF", "solver"))
    first, last = ([between(c, *own) for c in cells] for own in ends)
    more = paired(first, last)
    word = telling.above(more)
    each = "; ".join(f"{n} {interval([gap(c, i) for c in cells])}" for i, n in enumerate(GAPS))
    why = (
        f"From retraining to PBRF {interval(first)}, from PBRF to the solver's answer {interval(last)}, in "
        f"mean effects of a removal. One by one: {each}. Warm start and proximity undo one another where "
        "training stops early: most of both is the training that was left, not the removal."
    )
    return Verdict(word, f"difference {more}", why)


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
    sure = {
        "PBRF": "bound of the distance from the minimiser, over the move",
        "proximal": "the same, as far as F is convex",
        "warm": "gradient where the minimisation ended, over that where training ended",
    }
    certified: list[dict[str, Any]] = [
        {"stage": k, "largest": str(interval([c["certificates"][k] for c in cells])), "what": words}
        for k, words in sure.items()
    ]
    return [
        Table("certificates", "How far each minimisation went", certified),
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
    version=3,
)  # fmt: skip
