"""Figures 3 and 7 of 002: one test's scores, self-ranks over tests, and the Hessian's eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell

#: scores that Figure 3 is drawn of
SHOWN = ("exact", "Gauss-Newton, 64", "dot product", "derivative of the run")


def distribution(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 3: scores of the training tasks in the first test, its twin marked; self-ranks of all tests."""
    from metainfl.report.style import COLOURS, panels

    left, right = panels(axes, 2)
    for y, name in enumerate(SHOWN):
        scores = cells[0]["example"][name]
        largest = max(abs(v) for v in scores) or 1.0
        x = [v / largest for v in scores]
        left.scatter(x, [y] * len(x), s=12, color=COLOURS[6], alpha=0.5)
        left.scatter(x[:1], [y], s=40, marker="D", color=COLOURS[1])
        places = sorted(p for c in cells for p in c["places"][name])
        below = [(k + 1) / len(places) for k in range(len(places))]
        right.step(places, below, where="post", color=COLOURS[y], label=name)
    left.set_yticks(range(len(SHOWN)), SHOWN)
    left.set_xlabel("score over the largest of its row\n(diamond: the test's twin)")
    right.set_xlabel("self-rank (0: first)")
    right.set_ylabel("share of tests at most there")
    right.legend(fontsize=7)


def eigenvalues(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 7: the Hessian's eigenvalues from the largest to the smallest, a line a seed."""
    for c in cells:
        axes.plot(range(1, len(c["eigenvalues"]) + 1), c["eigenvalues"], linewidth=1)
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_xlabel("place")
    axes.set_ylabel("eigenvalue of the Hessian")
