"""Tables 2 and 4, Figure 5 of 002: whether real training tasks score above tasks of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_002.noise_claims import fitted, independent, most, rises, trend
from metainfl.experiments.paper_002.noise_scores import (
    DOT,
    GN,
    KNOWN,
    RUN,
    SPREAD,
    called,
    cell,
    shares,
    tried,
)
from metainfl.metrics.intervals import interval


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Table 4: accuracies and shares by regime, by means and by medians."""
    rows = []
    for where in tried(cells):
        row: dict[str, Any] = {"regime": where}
        for k in ("train", "test"):
            row[f"accuracy, {k}"] = str(interval([c[where][k] for c in cells]))
        for by, what in KNOWN:
            row[f"{called(by, cells[0][where]['proper'])}, {what}"] = str(
                interval(shares(cells, where, by, what))
            )
        rows.append(row)
    words = (
        "Share of tests in which real tasks score above noise, by means and by medians of scores"
    )
    return [Table("noise", words, rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Shares by regime and score."""
    names = tried(cells)
    for i, by in enumerate((GN, DOT, RUN)):
        mean = [interval(shares(cells, n, by)) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [v.mean for v in mean],
            y,
            xerr=[v.half for v in mean],
            fmt="os^"[i],
            label=called(by, cells[0]["plain"]["proper"]),
        )
    axes.axvline(0.5, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("share of tests in proper order (0.5: chance)")
    axes.legend()


def spread(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 5, of the first seed: means and deviations of scores in each test, by the test's loss."""
    from metainfl.report.style import COLOURS, panels

    sides = panels(axes, len(SPREAD))
    for side, regime in zip(sides, SPREAD, strict=True):
        rows = cells[0][regime]["spread"]
        for n, (name, at) in enumerate((("real tasks", 1), ("noise", 3))):
            mean, width = [r[at] for r in rows], [r[at + 1] for r in rows]
            x = [k + 0.3 * n for k in range(len(rows))]
            side.errorbar(
                x, mean, yerr=width, fmt="os"[n], color=COLOURS[n], markersize=3, label=name
            )
        side.set_title(f"MAML, {regime}")
        side.set_xlabel("tests, the smallest loss first")
    by = called(GN, cells[0][SPREAD[0]]["proper"])
    sides[0].set_ylabel(f"score, {by}: mean and deviation")
    sides[0].legend(fontsize=7)


BESIDE = "dot product, the run's derivative"
MEDIANS = "dot product"  # of medians the run's derivative is not known
EXPERIMENT = Experiment(
    "002-noise",
    "002",
    "Tables 2 and 4, Figure 5, section 5.2",
    "Whether real training tasks score above tasks of noise, as a network overfits less.",
    cell,
    (
        Claim("Table 2, first row", "a network that fits its training tasks puts noise above real tasks",
              "10 of 128 tests in proper order", most("plain", -1), BESIDE),
        Claim("Table 4, first row", "the same by medians of scores", "12 of 128",
              most("plain", -1, "median"), MEDIANS),
        Claim("Table 2", "with copies of tasks at 2 angles noise is still above real tasks", "42 of 128",
              most("2 angles", -1), BESIDE),
        Claim("Table 2", "with copies of tasks at 4 angles noise is still above real tasks", "57 of 128 (1.2 "
              "standard deviations below half)", most("4 angles", -1), BESIDE),
        Claim("Table 2", "with copies of tasks at 8 angles, real tasks score above noise", "90 of 128",
              most("8 angles"), BESIDE),
        Claim("Table 4", "the same by medians of scores (8 angles)", "91 of 128",
              most("8 angles", 1, "median"), MEDIANS),
        Claim("Table 2", "with copies of tasks at 16 angles, real tasks score above noise", "101 of 128",
              most("16 angles"), BESIDE),
        Claim("Table 4", "the same by medians of scores (16 angles)", "95 of 128",
              most("16 angles", 1, "median"), MEDIANS),
        Claim("Table 2", "with weight decay 0.00001 noise is still above real tasks", "16 of 128",
              most("decay 1e-05", -1), BESIDE),
        Claim("Table 2", "with weight decay 0.0001, real tasks score above noise", "89 of 128",
              most("decay 0.0001"), BESIDE),
        Claim("Table 4", "with weight decay 0.0005, real tasks score above noise", "88 of 128",
              most("decay 0.0005"), BESIDE),
        Claim("Table 2", "with weight decay 0.001, real tasks score above noise", "100 of 128",
              most("decay 0.001"), BESIDE),
        *(
            Claim("Table 4", f"the same by medians of scores (weight decay {d})", f"{n} of 128",
                  most(f"decay {float(d):g}", sign, "median"), MEDIANS)
            for d, n, sign in (("0.00001", 15, -1), ("0.0001", 76, 1), ("0.0005", 90, 1), ("0.001", 91, 1))
        ),
        Claim("not in the paper", "with a decay that this network feels (0.005), real tasks score above "
              "noise", "not tried", most("decay 0.005"), BESIDE),
        Claim("section 5.2", "copies at 8 angles bring scores into proper order", "10 to 90 of 128",
              rises("8 angles"), BESIDE),
        Claim("section 5.2", "weight decay 0.001 brings scores into proper order", "10 to 100 of 128",
              rises("decay 0.001"), BESIDE),
        Claim("Tables 2 and 4", "the more angles, the more tests are in proper order", "10, 42, 57, 90, 101 "
              "of 128 at 1, 2, 4, 8, 16 angles; 87, 102, 83, 61 at 6, 10, 12, 14", trend("angles"), BESIDE),
        Claim("Table 4", "the same by medians of scores (angles)", "12, 25, 58, 91, 95 of 128; 81, 97, 76, "
              "53 at 6, 10, 12, 14", trend("angles", "median"), MEDIANS),
        Claim("Tables 2 and 4", "the more weight decay, the more tests are in proper order", "10, 16, 89, "
              "88, 100 of 128 at 0, 0.00001, 0.0001, 0.0005, 0.001", trend("decay"), BESIDE),
        Claim("section 5.2", "the better a network fits its training tasks, the fewer tests are in proper "
              "order", "a trend, in words", fitted, BESIDE),
        Claim("Table 2", "counts of tests have the noise of a binomial (what its p-values assume)",
              "sigma 5.66 of 128", independent),
    ),
    tables,
    figure,
    seeds={"small": 6},
    version=3,
    figures={"5": spread},
)  # fmt: skip
