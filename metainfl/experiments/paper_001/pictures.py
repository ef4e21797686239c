"""Appendix C of 001: the training images that help and harm a target image most, and how alike they are.

A target is one query image of a new task. Scored are the removals of all query instances of the training
tasks: by the run's derivative, by instance-IF at its end (damped as a network's end needs), and by no
influence at all: the distance between images. "Alike" is counted: of the ten that help most, how many are of
the target's class, and how near its image they are. At the paper's size new tasks have classes of their own:
there, nearness alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_001.pictures_cell import (
    IMPLICIT,
    MOST,
    NEAR,
    RUN,
    SHOWN,
    TARGETS,
    cell,
)
from metainfl.metrics.intervals import interval, paired

MARGIN = 1  # pixels around a picture


def _of(cells: Sequence[Cell], name: str, end: str, what: str) -> list[float]:
    return [c["rankings"][name][end][what] for c in cells]


def alike(name: str, what: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the most helpful are more like the target than training images are at large."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        sign = 1 if what == "same class" else -1
        helpful, rest = (_of(cells, name, end, what) for end in ("helpful", "all"))
        if what == "same class" and not any(rest):
            return Verdict(UNTOLD, "-", "New tasks have classes of their own here.")
        gap = paired([sign * v for v in helpful], [sign * v for v in rest])
        near = interval(_of(cells, NEAR, "helpful", what))
        harmful = interval(_of(cells, name, "harmful", what))
        why = (
            f"{what}: {interval(helpful)} of the {MOST} most helpful, {harmful} of the most harmful, "
            f"{interval(rest)} of all; {near} of the nearest images, which no influence was needed for."
        )
        return Verdict(telling.above(gap), f"difference {gap}", why)

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One row a ranking and end."""
    rows = [
        {"ranking": n, "images": end}
        | {w: str(interval(_of(cells, n, end, w))) for w in ("same class", "distance")}
        for n in cells[0]["rankings"]
        for end in ("helpful", "harmful", "all")
    ]
    words = (
        f"Share of the target's class, and distance from its image in standard deviations of a pixel: "
        f"the {MOST} training images that help {TARGETS} targets most, that harm them most, and all"
    )
    return [Table("alike", words, rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Of the first seed: a target a row, then what helps it most, then what harms it most."""
    rows = [np.array(strip) for strip in cells[0]["pictures"]]
    side = len(rows[0]) + 2 * MARGIN
    framed = [
        np.hstack([np.pad(x, MARGIN) for x in np.split(row, row.shape[1] // len(row), axis=1)])
        for row in rows
    ]
    axes.imshow(np.vstack(framed), cmap="gray_r", vmin=0, vmax=1, aspect="equal")
    for x, style in ((side, "-"), ((1 + SHOWN) * side, ":")):
        axes.axvline(x - 0.5, color="0.5", linestyle=style)
    middle = [0.5, 1 + SHOWN / 2, 1 + 1.5 * SHOWN]
    axes.set_xticks(
        [side * m - 0.5 for m in middle],
        ["target", "removal hurts most", "removal helps most, the worst first"],
    )
    axes.grid(False)
    axes.set_yticks([])
    axes.tick_params(length=0)
    for edge in axes.spines.values():
        edge.set_visible(False)


def tasks(axes: Any, cells: Sequence[Cell]) -> None:
    """As appendix C has them, of the first seed: tasks of either end, an image a way, and their scores."""
    shown = [(end, one) for end, ones in cells[0]["tasks"].items() for one in ones]
    whole = axes.figure
    axes.remove()
    whole.set_size_inches(4.6, 1.1 * len(shown))
    for side, (end, one) in zip(whole.subplots(len(shown), 1), shown, strict=True):
        side.imshow(np.array(one["image"]), cmap="gray_r", vmin=0, vmax=1)
        side.set_title(f"{end}: removal changes the loss by {one['score']:.2g}", fontsize=8)
        side.grid(False)
        side.set_xticks([])
        side.set_yticks([])


#: appendix C shows pictures with scores, and claims nothing of them in words
PLACE = "not in the paper, which shows pictures alone (appendix C)"
EXPERIMENT = Experiment(
    "001-pictures",
    "001",
    "appendix C",
    "Training images that help and harm a target image most, by the run's derivative.",
    cell,
    (
        Claim(PLACE, "the images of greatest help are of the target's class", "pictures",
              alike(RUN, "same class"), "distance of images"),
        Claim(PLACE, "the images of greatest help are nearer to the target's image than all "
              "images are", "pictures",
              alike(RUN, "distance"), "distance of images"),
        Claim(PLACE, "instance-IF's images of greatest help are of the target's class", "pictures",
              alike(IMPLICIT, "same class"), "distance of images"),
    ),
    tables,
    figure,
    version=3,
    figures={"C": tasks},
)  # fmt: skip
