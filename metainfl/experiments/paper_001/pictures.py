"""Appendix C of 001: the training images that help and harm a target image most, and how alike they are.

A target is one query image of a new task. Scored are the removals of all query instances of the training
tasks: by the run's derivative, by instance-IF at its end (damped as a network's end needs), and by no
influence at all: the distance between images. "Alike" is counted: of the ten that help most, how many are of
the target's class, and how near its image they are. At the paper's size new tasks have classes of their own:
there, nearness alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.networks import Setting, damping
from metainfl.experiments.settings import setting
from metainfl.influence.scores import scores
from metainfl.metrics.intervals import interval, paired
from metainfl.problem.perturbation import query
from metainfl.problem.tasks import Tasks
from metainfl.solve import CG
from metainfl.training import Run

TARGETS, MOST, SHOWN = 20, 10, 5
MARGIN = 1  # pixels around a picture
RUN, IMPLICIT, NEAR = "derivative of the run", "instance-IF", "distance of images"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Shares of the target's class and mean distances, by ranking; the pictures of the first targets."""
    s = setting(size, seed, data)
    run = s.trained()
    targets = _single(s.new.select(range(min(TARGETS, s.new.n_tasks))))
    images, classes = s.tasks.query_x.flatten(0, 1), _classes(s.tasks, s.classes)
    own, own_class = targets.query_x[:, 0], _classes(targets, s.new_classes)
    apart = torch.cdist(own, images) / images.std()
    ranked = {n: v.T for n, v in _scores(run, targets).items()} | {NEAR: -apart}
    out: Cell = {"rankings": {}, "pictures": []}
    for name, each in ranked.items():
        order = each.argsort(dim=1, descending=True, stable=True)
        rows = {"helpful": order[:, :MOST], "harmful": order[:, -MOST:], "all": order}
        out["rankings"][name] = {
            end: {
                "distance": float(apart.gather(1, chosen).mean()),
                "same class": float((classes[chosen] == own_class[:, None]).double().mean()),
            }
            for end, chosen in rows.items()
        }
        if name == RUN:
            ends = torch.cat([order[:, :SHOWN], order[:, -SHOWN:].flip(1)], 1)
            out["pictures"] = [_strip(s, own[i], images[ends[i]]) for i in range(SHOWN)]
    return out


def _scores(run: Run, targets: Tasks) -> dict[str, Tensor]:
    """By ranking (instances, targets): positive = the instance's removal raises the target's loss."""
    tasks = run.program.problem.tasks
    asked = [query(k, j) for k in range(tasks.n_tasks) for j in range(tasks.query_x.shape[1])]
    end = scores(
        run.problem(),
        asked,
        targets,
        solver=CG(rtol=1e-4),
        damping=damping(run),
        allow_nonstationary=True,
    )
    return {RUN: -run.scores(targets, asked).value, IMPLICIT: -end.value}


def _single(new: Tasks) -> Tasks:
    """Each task with its first query instance alone."""
    return Tasks(new.support_x, new.support_y, new.query_x[:, :1], new.query_y[:, :1])


def _classes(tasks: Tasks, classes: Sequence[Sequence[int]]) -> Tensor:
    """The class of every query instance, in the data set's numbers: flat, task by task."""
    ways = tasks.query_y.argmax(-1)
    numbers = torch.tensor(list(classes)[: tasks.n_tasks])
    return numbers.gather(1, ways).flatten()


def _strip(s: Setting, target: Tensor, chosen: Tensor) -> list[list[float]]:
    """The target's picture and the chosen ones side by side: rows of grey from 0 to 1."""
    side = round(len(s.mean) ** 0.5)
    grey = (torch.cat([target[None], chosen]) + s.mean).clamp(0, 1)
    wide = grey.reshape(-1, side, side).permute(1, 0, 2).reshape(side, -1)
    return [[round(v, 3) for v in row] for row in wide.tolist()]


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
        Claim(PLACE, "the images of greatest help are near the target's image", "pictures",
              alike(RUN, "distance"), "distance of images"),
        Claim(PLACE, "instance-IF's images of greatest help are of the target's class", "pictures",
              alike(IMPLICIT, "same class"), "distance of images"),
    ),
    tables,
    figure,
)  # fmt: skip
