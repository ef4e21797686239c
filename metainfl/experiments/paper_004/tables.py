"""Figures 2, 3, 8 and 11 of 004 on real tables: trimming and buying labels by logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_004.buying import WAYS as BUYING
from metainfl.experiments.paper_004.on_tables import COUNTS, KINDS, cell
from metainfl.experiments.paper_004.table_claims import alike, buys_better, no_gain, trims_better
from metainfl.experiments.paper_004.trimmed import SHAPLEY
from metainfl.metrics.intervals import interval, paired

TRIMMING = ("FI", "IV", "random", "KNN-Shapley", SHAPLEY)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Accuracy after trimming, a table a data set and kind, and after each round of buying."""
    out = []
    for name in cells[0]:
        for kind in KINDS:
            own = [c[name][kind] for c in cells]
            rows: list[dict[str, Any]] = [
                {"trimmed": n}
                | {
                    w: str(interval([c[f"{w} {n}"] for c in own]))
                    for w in TRIMMING
                    if f"{w} {n}" in own[0]
                }
                | {"none": str(interval([c["none"] for c in own]))}
                for n in COUNTS
            ]
            title = f"Accuracy on test rows of {name}, {kind} training rows"
            out.append(Table(f"{name}, {kind}", title, rows))
        if "buying" in cells[0][name]:
            bought = [c[name]["buying"] for c in cells]
            rounds: list[dict[str, Any]] = [
                {"round": r} | {w: str(interval([c[w][r] for c in bought])) for w in BUYING}
                for r in range(len(bought[0]["FI"]))
            ]
            out.append(Table(f"{name}, buying", f"Accuracy after each purchase, {name}", rounds))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Gain of trimming clean rows over no trimming, on the first table."""
    own = [next(iter(c.values()))["clean"] for c in cells]
    for i, way in enumerate(w for w in TRIMMING if f"{w} {COUNTS[0]}" in own[0]):
        gaps = [paired([c[f"{way} {n}"] for c in own], [c["none"] for c in own]) for n in COUNTS]
        x = [n + 0.6 * (i - 2) for n in COUNTS]
        axes.errorbar(
            x, [g.mean for g in gaps], [g.half for g in gaps], fmt="os^vd"[i] + "-", label=way
        )
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xlabel(f"rows trimmed, {next(iter(cells[0]))}")
    axes.set_ylabel("gain in accuracy over no trimming")
    axes.legend()


EXPERIMENT = Experiment(
    "004-tables",
    "004",
    "Figures 2, 3, 8 and 11",
    "Trimming and buying labels on real tables, by logistic regression.",
    cell,
    (
        Claim("Figure 2", "trimming by FI-util is better than by IV", "a figure, four tables",
              trims_better("clean", "FI", "IV")),
        Claim("Figure 2", "trimming by FI-util is better than at random", "a figure, four tables",
              trims_better("clean", "FI", "random")),
        Claim("section 5.1", "trimming by FI-util improves the model", "by more than 10 % on Bank",
              trims_better("clean", "FI", "none")),
        Claim("section 5.1", "trimming at random does not improve it", "no improvement",
              no_gain("random", "none")),
        Claim("section 5.1", "on Adult and Bank trimming by IV improves the model", "a notable enhancement",
              trims_better("clean", "IV", "none", "adult", "bank"), "no trimming"),
        Claim("section 5.1", "on CelebA trimming by IV makes the model worse", "decreased performance",
              trims_better("clean", "none", "IV", "celeba"), "no trimming"),
        Claim("section 5.1", "on Jigsaw trimming by IV is no better than at random", "no improvement",
              no_gain("IV", "random", "jigsaw"), "random rows"),
        Claim("Figure 8", "with noise, trimming by FI-util is better than by IV", "a figure, four tables",
              trims_better("noisy", "FI", "IV")),
        Claim("Figure 8", "with noise, trimming by FI-util is better than at random", "a figure, four tables",
              trims_better("noisy", "FI", "random")),
        Claim("Figure 8", "with noise, trimming by IV is better than at random", "a figure, four tables",
              trims_better("noisy", "IV", "random")),
        Claim("Figure 11", "trimming by FI-util is better than by the neighbours' Shapley value",
              "a figure, on Bank", trims_better("clean", "FI", "KNN-Shapley")),
        Claim("Figure 11", "trimming by FI-util is better than by the model's own Shapley value",
              "a figure, on Bank", trims_better("clean", "FI", SHAPLEY)),
        Claim("Figure 3", "FI-active is better than choosing at random", "a figure", buys_better("random")),
        Claim("Figure 3", "FI-active is better than BALD", "a figure", buys_better("BALD")),
        Claim("Figure 3", "FI-active is better than influence values", "a figure", buys_better("IV")),
        Claim("section 5.2", "BALD is comparable with choosing at random", "a figure", alike),
        Claim("not in the paper", "FI-active is better than the smallest margin", "not compared",
              buys_better("margin"), "the smallest margin"),
    ),
    tables,
    figure,
    {"small": 20},
    trains=False,
)  # fmt: skip
