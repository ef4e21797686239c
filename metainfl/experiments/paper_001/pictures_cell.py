"""What appendix C of 001 is judged by: rankings of training images by target, and pictures of their ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.networks import Setting, damping
from metainfl.experiments.rankings import implicit
from metainfl.experiments.settings import setting
from metainfl.influence.scores import scores
from metainfl.problem.perturbation import query, task
from metainfl.problem.tasks import Tasks
from metainfl.solve import CG
from metainfl.training import Run, objective

TARGETS, MOST, SHOWN, PAIR = 20, 10, 5, 2
RUN, IMPLICIT, NEAR = "derivative of the run", "instance-IF", "distance of images"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Shares of the target's class and mean distances, by ranking; the pictures of the first targets.

    And of the training tasks whose removal raises and lowers the loss of these new tasks most.
    """
    s = setting(size, seed, data)
    run = s.trained()
    new = s.new.select(range(min(TARGETS, s.new.n_tasks)))
    targets = _single(new)
    images, classes = s.tasks.query_x.flatten(0, 1), _classes(s.tasks, s.classes)
    own, own_class = targets.query_x[:, 0], _classes(targets, s.new_classes)
    apart = torch.cdist(own, images) / images.std()
    ranked = {n: v.T for n, v in _scores(run, targets).items()} | {NEAR: -apart}
    out: Cell = {
        "rankings": {},
        "pictures": [],
        "tasks": step("task-IF", partial(_tasks, s, run, new)),
    }
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
    damped = {"solver": CG(rtol=1e-4), "damping": damping(run), "allow_nonstationary": True}
    ways: dict[str, Callable[[], Tensor]] = {
        RUN: lambda: run.scores(targets, asked).value,
        IMPLICIT: lambda: scores(objective(run), asked, targets, **damped).value,  # type: ignore[arg-type]
    }
    found = {n: step(n, partial(_made, way)) for n, way in ways.items()}
    return {n: -torch.tensor(v, dtype=torch.float64) for n, v in found.items()}


def _tasks(s: Setting, run: Run, new: Tasks) -> dict[str, list[dict[str, Any]]]:
    """At either end of task-IF's scores, two tasks: the mean score, and an image of each way side by side."""
    asked = [task(k) for k in range(s.tasks.n_tasks)]
    means = implicit(run, new, asked).double().mean(1)
    order = means.argsort(descending=True, stable=True).tolist()
    ends = {"helpful": order[:PAIR], "harmful": order[: -PAIR - 1 : -1]}
    return {
        end: [{"score": float(f"{means[k]:.4g}"), "image": _ways(s.images, k)} for k in chosen]
        for end, chosen in ends.items()
    }


def _ways(images: Tasks, k: int) -> list[list[float]]:
    """The first support image of each way of task k: rows of grey from 0 to 1."""
    ways = images.support_y[k].argmax(-1).tolist()
    first = [ways.index(w) for w in sorted(set(ways))]
    x = images.support_x[k, first].mean(1).clamp(0, 1)  # colours as grey
    wide = x.permute(1, 0, 2).reshape(x.shape[1], -1)
    return [[round(v, 3) for v in row] for row in wide.tolist()]


def _made(way: Callable[[], Tensor]) -> list[list[float]]:
    rows: list[list[float]] = way().double().tolist()
    return rows


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
