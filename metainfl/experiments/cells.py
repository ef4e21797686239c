"""Cells on disk: one file a seed, and its steps until it is there, so that a killed experiment goes on."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from metainfl.data.locate import root_of
from metainfl.data.looked import Names, looking
from metainfl.experiments.experiment import Cell, Experiment
from metainfl.experiments.kept import heard, keeping
from metainfl.experiments.known import Known
from metainfl.experiments.placing import on
from metainfl.pools import Call, at_once, unordered

Tell = Callable[[int, int, str], None]


def cells(
    experiment: Experiment,
    size: str,
    seeds: Sequence[int],
    folder: Path,
    *,
    data: str | Path | None,
    jobs: int,
    tell: Tell,
    device: str | None = None,
) -> list[Cell]:
    """The cells of all seeds, in their order; those in the folder are read, not done again."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()  # a worker may stand elsewhere
    paths = {s: folder / f"seed-{s}.json" for s in seeds}
    known = Known(experiment.version, size, root_of(data), device)
    out = {s: kept for s in seeds if (kept := known.cell(paths[s])) is not None}
    left = [s for s in seeds if s not in out]

    def told(step: str = "") -> None:
        rest = [s for s in seeds if s not in out]
        now = f"seed {rest[0]}{step and ', '}{step}" if rest else "done"
        tell(len(out), len(seeds), now)

    for s in out:
        _over(paths[s])
    told()
    alone = at_once(jobs) != 1
    calls: list[Call] = [
        (_one, (experiment.name, size, s, data, alone, paths[s], device)) for s in left
    ]
    with heard(told):
        for k, (found, looked) in unordered(calls, jobs):
            seed = left[k]
            known.write(paths[seed], found, looked)
            _over(paths[seed])
            out[seed] = found
            told()
    return [out[s] for s in seeds]


def _one(
    name: str,
    size: str,
    seed: int,
    data: Path | None,
    alone: bool,
    path: Path,
    device: str | None,
) -> tuple[Cell, list[Names]]:
    from metainfl.experiments.registry import find

    if alone:  # a process of its own: one core, and its warnings are nobody's
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    experiment = find(name)
    known = Known(experiment.version, size, root_of(data), device)
    with looking() as looked, on(device):
        if not path.parent.is_dir():  # on another machine, whose disk is not this one's
            return experiment.cell(size, seed, data), looked
        with keeping(_steps(path), known, looked):
            return experiment.cell(size, seed, data), looked


def _steps(path: Path) -> Path:
    """The folder of a cell's steps, beside its file."""
    return path.with_suffix(".steps")


def _over(path: Path) -> None:
    """The cell is written: its steps have no use any more."""
    shutil.rmtree(_steps(path), ignore_errors=True)
