"""Section 4.1 of 002: new tasks explained from a file of influences, once the training data are gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.influence.saved import load, save
from metainfl.influence.stored import Stored
from metainfl.metrics.intervals import interval, rank_agreement
from metainfl.problem.perturbation import Perturbation, task
from metainfl.problem.tasks import Tasks
from metainfl.training import Run

TASKS, HIDDEN = 64, 8
FEW, SIGNS = (
    8,
    128,
)  # tasks whose influence by the run is stored; numbers a task where it is compressed
NAME, DOT, RUN = "Gauss-Newton, 64", "dot product", "derivative of the run"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Differences between scores from the file and scores with the data; bytes of both."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    run, new = s.trained(), s.new.select(range(s.tests))
    treated, asked = Treatments(run), [task(k) for k in range(s.tasks.n_tasks)]
    whole, inverses = treated.scores(new), treated.inverses()
    out: Cell = {"difference": {}}
    for name in (NAME, DOT):
        value = -inverses[name](treated.trained.T).T
        found, size_of_file, compressed = _from_file(run, new, value, asked)
        out["difference"][name] = _apart(-found, whole[name])
        if name == NAME:
            out["bytes"] = {
                "influences": size_of_file,
                "images": s.tasks.n_tasks * _pixels(s.images),
            }
            pairs = zip((-compressed).T.tolist(), whole[name].T.tolist(), strict=True)
            out["compressed"] = float(np.mean([rank_agreement(a, b) for a, b in pairs]))
    few = asked[:FEW]
    found, _, _ = _from_file(run, new, run.influence(few).value, few)
    out["difference"][RUN] = _apart(found, run.scores(new, few).value)
    return out


def _from_file(
    run: Run, new: Tasks, value: Tensor, asked: Sequence[Perturbation]
) -> tuple[Tensor, int, Tensor]:
    """d L/d weight (n, m) read from a file by a problem that has no training task; the file's bytes in

    float32; and the same from few numbers a task.
    """
    bare = run.problem().replaced(tasks=new)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "influences.safetensors"
        save(path, Stored(value, asked, run.lam))
        found = load(path).scores(bare, new)
        save(path, Stored(value.to(torch.float32), asked, run.lam))
        size = path.stat().st_size
    few = min(SIGNS, value.shape[1] - 1)
    return found, size, Stored(value, asked, run.lam).compressed(few).scores(bare, new).value


def _pixels(images: Tasks) -> int:
    """Of one task: bytes, where a pixel is one."""
    return sum(x[0].numel() for x in (images.support_x, images.query_x))


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def same(cells: Sequence[Cell]) -> Verdict:
    """Whether scores from the file are those with the data, up to rounding."""
    worst = {n: max(c["difference"][n] for c in cells) for n in cells[0]["difference"]}
    bound = 1e-8
    words = "; ".join(f"{n} {v:.1g}" for n, v in worst.items())
    why = (
        "Largest relative difference over seeds between scores from the file, read by a problem without any "
        f"training task, and scores with the training tasks at hand. Rounding is taken as {bound:g}."
    )
    top = max(worst.values())
    return Verdict(telling.told(top < bound, top >= bound), words, why)


def smaller(cells: Sequence[Cell]) -> Verdict:
    """Whether the file is smaller than the images that it replaces."""
    got = interval([c["bytes"]["influences"] / c["bytes"]["images"] for c in cells])
    few = interval([c["compressed"] for c in cells])
    why = (
        "Bytes of influences in float32 over bytes of the tasks' images, one a pixel: p numbers a task "
        "against its pixels, so that a large network needs more. The paper's 121,093 parameters are 484 kB a "
        f"task. {SIGNS} numbers a task give ranks that agree with the whole by {few}."
    )
    return Verdict(telling.below(got, 1.0), f"ratio {got}", why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Differences and sizes."""
    rows = [
        {
            "influences": n,
            "largest relative difference": f"{max(c['difference'][n] for c in cells):.1g}",
        }
        for n in cells[0]["difference"]
    ]
    sizes = [
        {"what": n, "bytes": str(interval([c["bytes"][n] for c in cells]))}
        for n in cells[0]["bytes"]
    ]
    return [
        Table(
            "stored", "Scores of new tasks from the file alone, against scores with the data", rows
        ),
        Table("bytes", "What is kept", sizes),
    ]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Bytes of influences and of images."""
    names = list(cells[0]["bytes"])
    axes.barh(names, [float(np.mean([c["bytes"][n] for c in cells])) for n in names], color="0.6")
    axes.set_xlabel("bytes")


EXPERIMENT = Experiment(
    "002-stored",
    "002",
    "Section 4.1",
    "New tasks explained from a file of influences, without the training data.",
    cell,
    (
        Claim("section 4.1", "once influences are stored, explanations need no training data", "in words",
              same, "dot product, the run's derivative"),
        Claim("section 4.1", "influences in place of the data ease storage", "in words", smaller,
              "128 numbers a task"),
    ),
    tables,
    figure,
    version=2,
)  # fmt: skip
