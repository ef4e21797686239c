"""Cells on disk: one file a seed, and its steps until it is there, so that a killed experiment goes on."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class Asked:
    """An experiment's seeds, and the folder in which they are kept."""

    experiment: Experiment
    size: str
    seeds: Sequence[int]
    folder: Path
    data: str | Path | None
    device: str | None = None

    @cached_property
    def known(self) -> Known:
        """What makes a number the one that is asked for."""
        return Known(self.experiment.version, self.size, root_of(self.data), self.device)

    def path(self, seed: int) -> Path:
        """The file of a cell; a worker may stand elsewhere."""
        return self.folder.resolve() / "cells" / f"seed-{seed}.json"


def cells(asked: Sequence[Asked], *, jobs: int, tell: Tell) -> Iterator[tuple[Asked, list[Cell]]]:
    """The cells of all seeds of each, in their order, as the last of them is there.

    Those in the folder are read, not done again. Seeds of all of them are done `jobs` at once.
    """
    out: dict[int, dict[int, Cell]] = {}
    for i, a in enumerate(asked):
        (a.folder / "cells").mkdir(parents=True, exist_ok=True)
        out[i] = {s: kept for s in a.seeds if (kept := a.known.cell(a.path(s))) is not None}
        for s in out[i]:
            _over(a.path(s))
    left = [(i, s) for i, a in enumerate(asked) for s in a.seeds if s not in out[i]]
    total = sum(len(a.seeds) for a in asked)

    def told(step: str = "") -> None:
        rest = next(((i, s) for i, s in left if s not in out[i]), None)
        now = "done" if rest is None else _called(asked, *rest) + (step and f", {step}")
        tell(sum(len(o) for o in out.values()), total, now)

    told()
    for i, a in enumerate(asked):
        if len(out[i]) == len(a.seeds):
            yield a, [out[i][s] for s in a.seeds]
    alone = at_once(jobs) != 1
    calls = [_call(asked[i], s, alone) for i, s in left]
    with heard(told):
        for k, (found, looked) in unordered(calls, jobs):
            i, seed = left[k]
            a = asked[i]
            a.known.write(a.path(seed), found, looked)
            _over(a.path(seed))
            out[i][seed] = found
            told()
            if len(out[i]) == len(a.seeds):
                yield a, [out[i][s] for s in a.seeds]


def _called(asked: Sequence[Asked], i: int, seed: int) -> str:
    """`seed 3`, or `002-noise, seed 3` among several experiments."""
    return f"seed {seed}" if len(asked) == 1 else f"{asked[i].experiment.name}, seed {seed}"


def _call(a: Asked, seed: int, alone: bool) -> Call:
    return _one, (a.experiment.name, a.size, seed, a.data, alone, a.path(seed), a.device)


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
