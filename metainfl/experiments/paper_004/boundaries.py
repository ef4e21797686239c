"""Figures 1 and 9 of 004: training points, those that FI and IV trim, and the boundaries without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.paper_004.planes import Labelled, retrained

SIDE = 40  # of the grid on which the outputs are told
WAYS = ("FI", "IV")


def example(
    problem: Problem, train: Labelled, order: Mapping[str, Sequence[int]], count: int
) -> dict[str, Any]:
    """Points (n, 2), classes, the places of those that go first, and margins on a grid with and without."""
    x, y = train
    low, high = x.amin(0) - 0.5, x.amax(0) + 0.5
    axes = [torch.linspace(float(a), float(b), SIDE) for a, b in zip(low, high, strict=True)]
    grid = torch.cartesian_prod(*axes)
    models = {"none": problem} | {w: retrained(problem, order[w][:count]) for w in WAYS}
    return {
        "points": _short(x),
        "classes": y.argmax(1).tolist(),
        "trimmed": {w: list(order[w][:count]) for w in WAYS},
        "axes": [_short(a) for a in axes],
        "margins": {n: _short(_margin(p, grid).reshape(SIDE, SIDE)) for n, p in models.items()},
    }


def _margin(problem: Problem, x: Tensor) -> Tensor:
    out = problem.setting.model(problem.lam, x.double())
    return out[:, 1] - out[:, 0]


def _short(values: Tensor) -> Any:
    return np.round(values.double().numpy(), 3).tolist()


def drawn(model: str) -> Callable[[Any, Sequence[Cell]], None]:
    """The picture of one model, of the first seed: FI's points on the left, IV's on the right."""

    def plot(axes: Any, cells: Sequence[Cell]) -> None:
        from metainfl.report.style import COLOURS, panels

        own = cells[0][model]["example"]
        points, classes = np.array(own["points"]), np.array(own["classes"])
        for side, way in zip(panels(axes, len(WAYS)), WAYS, strict=True):
            for k in (0, 1):
                x = points[classes == k]
                side.scatter(x[:, 0], x[:, 1], s=9, color=COLOURS[k], marker="os"[k], alpha=0.6)
            gone = points[own["trimmed"][way]]
            side.scatter(
                gone[:, 0],
                gone[:, 1],
                s=45,
                facecolors="none",
                edgecolors="0.2",
                label=f"trimmed by {way}",
            )
            for name, style in (("none", ":"), (way, "-")):
                side.contour(
                    *own["axes"],
                    np.array(own["margins"][name]).T,
                    levels=[0.0],
                    colors="0.2",
                    linestyles=style,
                )
            side.set_title(f"{way}; dotted: the boundary without trimming", fontsize=8)
            side.legend(fontsize=7)

    return plot
