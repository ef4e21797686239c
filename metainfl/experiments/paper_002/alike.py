"""Figure 6 of 002: a test task, and the training tasks that a score ranks first, second and last.

"Alike" is counted, since pictures alone decide nothing: of the test's classes, how many the training task
has too, and how near a class of it lies to each of the test's. At the paper's size tests have classes of
their own: there, nearness alone.
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
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.intervals import interval, paired
from metainfl.problem.perturbation import task
from metainfl.problem.tasks import Tasks

TASKS, HIDDEN = 64, 8
GN, DOT, RUN, NEAR = (
    "Gauss-Newton, 64",
    "dot product",
    "derivative of the run",
    "nearness of images",
)
PLACES = {"first": 0, "second": 1, "last": -1}
LEVELS = 99  # of grey in a kept picture


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By score and place: shared classes and distance, means over tests; the first test's pictures."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    run, new = s.trained(), s.new.select(range(s.tests))
    treated, asked = Treatments(run).scores(new), [task(k) for k in range(s.tasks.n_tasks)]
    apart = _apart(s.images, s.new_images.select(range(s.tests)))
    shared = torch.tensor(
        [[len(set(a) & set(b)) for b in s.new_classes[: s.tests]] for a in s.classes]
    ).double()
    scores = {GN: treated[GN], DOT: treated[DOT], RUN: -run.scores(new, asked).value, NEAR: -apart}
    out: Cell = {"all": {"shared classes": float(shared.mean()), "distance": float(apart.mean())}}
    for name, each in scores.items():
        order = each.argsort(dim=0, descending=True, stable=True)
        out[name] = {
            place: {
                "shared classes": float(shared.gather(0, order[k][None]).mean()),
                "distance": float(apart.gather(0, order[k][None]).mean()),
            }
            for place, k in PLACES.items()
        }
        if name == GN:
            own = [s.images.select([int(order[k, 0])]) for k in PLACES.values()]
            out["pictures"] = [_strip(t) for t in (s.new_images.select([0]), *own)]
    return out


def _prototypes(images: Tasks) -> Tensor:
    """Mean support image of each way (T, ways, pixels)."""
    y = images.support_y
    x = images.support_x.flatten(2)
    return torch.einsum("tnw,tnd->twd", y, x) / y.sum(1)[..., None]


def _apart(training: Tasks, tests: Tasks) -> Tensor:
    """Mean over a test's classes of the distance to the nearest class of a training task (T, m)."""
    a, b = _prototypes(training), _prototypes(tests)
    ways = torch.cdist(b.flatten(0, 1), a.flatten(0, 1)).reshape(*b.shape[:2], *a.shape[:2])
    return ways.min(dim=3).values.mean(dim=1).T / training.support_x.std()


def _strip(one: Tasks) -> list[list[int]]:
    """Support images of a task, at most two a class, side by side: rows of grey from 0 to 99."""
    ways = one.support_y.shape[-1]
    each = one.support_x.shape[1] // ways
    kept = [k for k in range(ways * each) if k % each < 2]  # instances stand class by class
    x = one.support_x[0, kept, 0].clamp(0, 1)
    wide = x.permute(1, 0, 2).reshape(x.shape[1], -1)
    return [[round(LEVELS * v) for v in row] for row in wide.tolist()]


def _of(cells: Sequence[Cell], name: str, place: str, what: str) -> list[float]:
    return [c[name][place][what] for c in cells]


def alike(name: str, what: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the task ranked first is more like the test than the one ranked last."""
    sign = 1 if what == "shared classes" else -1

    def judge(cells: Sequence[Cell]) -> Verdict:
        if what == "shared classes" and not any(c["all"][what] for c in cells):
            return Verdict(UNTOLD, "-", "Tests have classes of their own here.")

        def gap(by: str) -> Any:
            return paired(*([sign * v for v in _of(cells, by, p, what)] for p in ("first", "last")))

        each = ", ".join(f"{p} {interval(_of(cells, name, p, what))}" for p in PLACES)
        chance = interval([c["all"][what] for c in cells])
        others = ", ".join(f"{by}: {gap(by)}" for by in (GN, DOT, RUN, NEAR) if by != name)
        why = f"{what}: {each}; of all {chance}. First against last by other scores: {others}."
        return Verdict(telling.above(gap(name)), f"difference {gap(name)}", why)

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One row a score and place."""
    rows = [
        {"score": n, "place": p}
        | {w: str(interval(_of(cells, n, p, w))) for w in ("shared classes", "distance")}
        for n in (GN, DOT, RUN, NEAR)
        for p in PLACES
    ]
    words = "How like a test task is the training task that a score ranks first, second and last"
    return [Table("alike", words, rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Of the first seed: the first test, then the tasks ranked first, second and last."""
    rows = [np.pad(np.array(strip), 1) for strip in cells[0]["pictures"]]
    axes.imshow(np.vstack(rows), cmap="gray_r", vmin=0, vmax=LEVELS, aspect="equal")
    high = len(rows[0])
    axes.set_yticks([high * (k + 0.5) for k in range(len(rows))], ["test", *PLACES])
    axes.axhline(high - 0.5, color="0.5")
    axes.set_xticks([])
    axes.grid(False)


EXPERIMENT = Experiment(
    "002-alike",
    "002",
    "Figure 6, section 6",
    "A test task and the training tasks ranked first, second and last: are they alike?",
    cell,
    (
        Claim("Figure 6", "training tasks of high score are more like the test than those of low score: "
              "shared classes", "one example, in pictures", alike(GN, "shared classes"),
              "dot product, the run's derivative, nearness"),
        Claim("Figure 6", "training tasks of high score are more like the test than those of low score: "
              "distance of images", "one example, in pictures", alike(GN, "distance"),
              "dot product, the run's derivative, nearness"),
        Claim("not in the paper", "the same by the exact derivative of the run: distance of images",
              "not compared", alike(RUN, "distance"), "dot product, Gauss-Newton, nearness"),
    ),
    tables,
    figure,
    version=2,
)  # fmt: skip
