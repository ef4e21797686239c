"""Tables 2, 4, 5 and 9, Figure 5 of 002: whether real training tasks score above tasks of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.mixed import LEARNERS, REGIMES
from metainfl.experiments.paper_002.noise_scores import DOT, GN, RUN, cell, shares
from metainfl.metrics.intervals import interval, paired


def most(where: str, sign: int = 1) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether more than half of the tests are in proper order (`sign` -1: fewer)."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        got = interval(shares(cells, where))
        others = ", ".join(f"{by}: {interval(shares(cells, where, by))}" for by in (DOT, RUN))
        train, test = (interval([c[where][k] for c in cells]) for k in ("train", "test"))
        low, high = (got.low, got.high) if sign > 0 else (1 - got.high, 1 - got.low)
        word = telling.told(low > 0.5, high < 0.5)
        why = f"Accuracy {train} in training, {test} on tests. Share by other scores: {others}."
        return Verdict(word, f"share in proper order {got}", why)

    return judge


def rises(where: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the share rises from the plain regime to another, seed by seed."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(shares(cells, where), shares(cells, "MAML, plain"))
        gain = paired(*([c[w]["test"] for c in cells] for w in (where, "MAML, plain")))
        word = telling.above(gap)
        return Verdict(word, f"difference {gap}", f"Accuracy on tests changes by {gain}.")

    return judge


def independent(cells: Sequence[Cell]) -> Verdict:
    """Whether counts scatter over seeds as independent tests would: what a binomial p-value assumes."""
    n, total, degrees = cells[0]["tests"], 0.0, 0
    for learner in LEARNERS:
        for regime in REGIMES:
            x = np.array(shares(cells, f"{learner}, {regime}"))
            spread = max(x.mean() * (1 - x.mean()), 1 / n) / n
            total, degrees = (
                total + float(((x - x.mean()) ** 2).sum() / spread),
                degrees + len(x) - 1,
            )
    ratio = total / max(degrees, 1)
    low, high = (total / float(chi2.ppf(q, degrees)) for q in (0.975, 0.025))
    word = telling.told(low <= 1 and high < 1.5, low > 1)
    why = (
        "Tests share one network, and their scores one draw of noise tasks: another seed moves all of them, "
        "so that a p-value over tests of one training need not be one of the training. Holds is taken as "
        "at most half as much again."
    )
    ours = f"variance over seeds {ratio:.2g} ({low:.2g} to {high:.2g}) times the binomial's"
    return Verdict(word, ours, why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Accuracies and shares by regime."""
    rows = []
    for where in (f"{learner}, {regime}" for learner in LEARNERS for regime in REGIMES):
        row: dict[str, Any] = {"regime": where}
        for k in ("train", "test"):
            row[f"accuracy, {k}"] = str(interval([c[where][k] for c in cells]))
        for by in (GN, DOT, RUN):
            row[by] = str(interval(shares(cells, where, by)))
        rows.append(row)
    return [Table("noise", "Share of tests in which real tasks score above noise on average", rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Shares by regime and score."""
    names = [f"{learner}, {regime}" for learner in LEARNERS for regime in REGIMES]
    for i, by in enumerate((GN, DOT, RUN)):
        mean = [interval(shares(cells, n, by)) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [v.mean for v in mean], y, xerr=[v.half for v in mean], fmt="os^"[i], label=by
        )
    axes.axvline(0.5, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("share of tests in proper order (0.5: chance)")
    axes.legend()


EXPERIMENT = Experiment(
    "002-noise",
    "002",
    "Tables 2, 4, 5 and 9, Figure 5, section 5.2",
    "Whether real training tasks score above tasks of noise, as a network overfits less.",
    cell,
    (
        Claim("Table 2, first row", "a network that fits its training tasks puts noise above real tasks",
              "10 of 128 tests in proper order", most("MAML, plain", -1), "dot product, the run"),
        Claim("Table 2", "with rotated copies of tasks, real tasks score above noise",
              "90 to 101 of 128 at 8 and 16 angles", most("MAML, rotations"), "dot product, the run"),
        Claim("Table 2", "with weight decay, real tasks score above noise", "89 and 100 of 128",
              most("MAML, weight decay"), "dot product, the run"),
        Claim("section 5.2", "rotations bring scores into proper order", "10 to 101 of 128",
              rises("MAML, rotations")),
        Claim("section 5.2", "weight decay brings scores into proper order", "10 to 100 of 128",
              rises("MAML, weight decay")),
        Claim("Table 9", "with prototypes, real tasks score above noise", "64 to 86 of 128 but for one row",
              most("prototypes, plain"), "dot product, the run"),
        Claim("Table 2", "counts of tests have the noise of a binomial (what its p-values assume)",
              "sigma 5.66 of 128", independent),
    ),
    tables,
    figure,
    seeds={"small": 10},
)  # fmt: skip
