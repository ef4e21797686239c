"""Experiments from their cells to their verdicts: JSON and figures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from metainfl.data.locate import root_of
from metainfl.errors import InvalidOption
from metainfl.experiments import as_numbers
from metainfl.experiments.cells import Asked, Tell, cells
from metainfl.experiments.experiment import FEWEST_SEEDS, UNTOLD, Cell, Experiment
from metainfl.experiments.registry import find, named
from metainfl.experiments.results import Result
from metainfl.numbers import whole
from metainfl.plain import write_json
from metainfl.pools.alone import alone
from metainfl.problem.files import new_folder
from metainfl.report.environment import environment
from metainfl.training import given


def reproduce(
    name: str,
    *,
    size: str = "small",
    out: str | Path,
    seeds: int | None = None,
    data: str | Path | None = None,
    jobs: int = 1,
    device: str | None = None,
    tell: Tell = lambda done, total, what: None,
) -> Result:
    """The result as plain data, also written to out/NAME-SIZE/result.json; cells are kept beside it.

    Intervals stand in it as words and as numbers (`metainfl.experiments.as_numbers`): `intervals` of a claim,
    `numbers` of a table's rows.

    Training runs are on `device` (None: the CPU). Raises `InvalidOption` for an unknown name or size, an
    experiment that trains nothing (most of 004) with a device other than the CPU, a folder in which another
    process is at work, and what the data readers raise.
    """
    [found] = reproduced(
        [name], size=size, out=out, seeds=seeds, data=data, jobs=jobs, device=device, tell=tell
    )
    return found


def reproduced(
    names: Sequence[str],
    *,
    size: str = "small",
    out: str | Path,
    seeds: int | None = None,
    data: str | Path | None = None,
    jobs: int = 1,
    device: str | None = None,
    tell: Tell = lambda done, total, what: None,
) -> Iterator[Result]:
    """Of several, each as its last seed ends: seeds of all of them share the `jobs`, so that none waits.

    Names as the command has them, 002 and all too. As `reproduce`; where one of them trains, those that do
    not are computed on the CPU.
    """
    experiments = [find(n) for n in named(names)]
    if device is not None:
        device = given.device(device)
        device = None if device == "cpu" else device
    if device is not None and not any(e.trains for e in experiments):
        raise InvalidOption(
            f"{', '.join(names)} trains no network: it is computed on the CPU, leave the device out"
        )
    for e in experiments:
        e.at(size)
    if seeds is not None:
        seeds = whole(seeds, "seeds", 1, error=InvalidOption)
    root_of(data)  # a name that is none, before anything is written
    parent = new_folder(out, InvalidOption)
    with ExitStack() as locks:
        asked = []
        for e in experiments:
            folder = parent / f"{e.name}-{size}"
            locks.enter_context(alone(folder, "out"))
            count = e.default_seeds(size) if seeds is None else seeds
            kept = len(list((folder / "cells").glob("seed-*.json")))
            if count < kept:
                warnings.warn(
                    f"{e.name}: {kept} seeds are kept in {folder}, and the result there will be of {count} "
                    "of them; the same command with more seeds takes the others in again",
                    stacklevel=2,
                )
            there = device if e.trains else None
            asked.append(Asked(e, size, range(count), folder, data, there))
        for one, done in cells(asked, jobs=jobs, tell=tell):
            yield _judged(one.experiment, size, done, one.folder)


def _judged(experiment: Experiment, size: str, done: list[Cell], folder: Path) -> Result:
    """Verdicts, tables and figures of the cells, written to the folder."""
    count, claims = len(done), []
    for c in experiment.claims:
        plain = {k: v for k, v in asdict(c).items() if k != "judge"}
        verdict = asdict(c.judge(done))
        if count < FEWEST_SEEDS and verdict["holds"] != UNTOLD:
            few = f"{count} seeds say too little of noise: {FEWEST_SEEDS} at least."
            verdict |= {"holds": UNTOLD, "why": f"{few} {verdict['why']}"}
        claims.append(plain | verdict | {"intervals": as_numbers.intervals(verdict["ours"])})
    tables = [asdict(t) for t in experiment.tables(done)]
    result: Result = {
        "name": experiment.name,
        "paper": experiment.paper,
        "place": experiment.place,
        "about": experiment.about,
        "size": size,
        "seeds": count,
        "claims": claims,
        "tables": [t | {"numbers": as_numbers.rows(t["rows"])} for t in tables],
        "environment": environment(),
    }
    write_json(folder / "result.json", result)
    _draw(experiment, done, folder)
    return result


def _draw(experiment: Experiment, done: list[Cell], folder: Path) -> None:
    """Its figures, the named ones as figure-NAME."""
    plots = {"figure": experiment.figure} if experiment.figure is not None else {}
    plots |= {f"figure-{name}": plot for name, plot in experiment.figures.items()}
    if plots:
        from metainfl.report.figures import draw

        for name, plot in plots.items():
            draw(name, plot, done, folder)
