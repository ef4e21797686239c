"""Tables 17 to 21 of 002: scores by the exact Hessian against scores by the Gauss-Newton matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_002.gauss_newton_claims import (
    agree,
    diagonal,
    each,
    first,
    truth,
    weaker,
    with_run,
)
from metainfl.experiments.paper_002.gauss_newton_scores import DOT, KEPT, RUN, cell
from metainfl.metrics.intervals import interval


def tables(cells: Sequence[Cell]) -> list[Table]:
    """The square of pairs by number of tasks, and each treatment against the run."""
    out = []
    for n in cells[0]:
        words = f"Rank correlation of scores, exact against approximate: {n} training tasks"
        out.append(Table(f"pairs, {n} tasks", words, _square([c[n] for c in cells])))
    own = [
        {"treatment": name}
        | {f"{n} tasks": str(interval([c[n]["run"][name] for c in cells])) for n in cells[0]}
        for name in first(cells)["run"]
    ]
    return [*out, Table("run", "Rank correlation with the derivative of the run", own)]


def _square(parts: Sequence[Any]) -> list[dict[str, Any]]:
    rows = []
    for a in KEPT:
        row: dict[str, Any] = {"eigenvalues of H": a}
        for b in KEPT:
            row[f"Gauss-Newton, {b}"] = str(interval([t["pairs"][f"{a}/{b}"] for t in parts]))
        for n in (DOT, RUN):
            row[n] = str(interval([t["beside"][n][str(a)] for t in parts]))
        rows.append(row)
    return rows


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Each treatment against the run's derivative, means over numbers of tasks."""
    names = list(first(cells)["run"])
    mean = [interval(each(partial(with_run, n))(cells)) for n in names]
    axes.errorbar([m.mean for m in mean], range(len(names)), xerr=[m.half for m in mean], fmt="o")
    axes.set_yticks(range(len(names)), names)
    axes.axvline(0, linestyle=":", color="0.5")
    axes.set_xlabel("rank correlation with the derivative of the run")


EXPERIMENT = Experiment(
    "002-gauss-newton",
    "002",
    "Tables 17 to 21, appendix B.5",
    "Scores by the exact Hessian, by the Gauss-Newton matrix, and by the training run itself.",
    cell,
    (
        Claim("appendix B.5", "scores agree best where as many directions count as not flat in both", "most "
              "diagonal elements are the largest", diagonal, "dot product, the run's derivative"),
        Claim("appendix B.5", "the approximation gives nearly the exact method's scores", "correlations in "
              "Tables 17 to 21; in words alone, that larger networks may have larger ones", agree,
              "dot product, the run's derivative"),
        Claim("appendix B.5", "scores agree less where more directions are inverted", "weaker for more "
              "eigenvalues and larger buffers", weaker, "dot product, the run's derivative"),
        Claim("not in the paper", "the exact inverse at the end of training says what the training run says",
              "not compared", truth, "every treatment"),
    ),
    tables,
    figure,
    version=4,
)  # fmt: skip
