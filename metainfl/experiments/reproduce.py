"""One experiment from its cells to its verdicts: JSON, figure, and a page of all that are in a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from metainfl.data.locate import root_of
from metainfl.errors import InvalidOption
from metainfl.experiments.cells import Tell, cells
from metainfl.experiments.experiment import FEWEST_SEEDS, UNTOLD, Cell, Experiment
from metainfl.experiments.registry import EXPERIMENTS, find
from metainfl.numbers import whole
from metainfl.plain import from_json, write_json
from metainfl.pools.alone import alone
from metainfl.pools.aside import set_aside
from metainfl.problem.files import new_folder, place
from metainfl.report.environment import environment
from metainfl.training import given

Result = dict[str, Any]
KEYS = ("name", "place", "about", "size", "seeds", "claims", "tables")  # that the page reads


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

    Training runs are on `device` (None: the CPU). Raises `InvalidOption` for an unknown name or size, an
    experiment that trains nothing (most of 004) with a device other than the CPU, a folder in which another
    process is at work, and what the data readers raise.
    """
    experiment = find(name)
    experiment.at(size)
    if device is not None:
        device = given.device(device)
        device = None if device == "cpu" else device
        if not experiment.trains and device is not None:
            raise InvalidOption(
                f"{name} trains no network: it is computed on the CPU, leave the device out"
            )
    count = experiment.default_seeds(size) if seeds is None else seeds
    count = whole(count, "seeds", 1, error=InvalidOption)
    root_of(data)  # a name that is none, before anything is written
    folder = new_folder(out, InvalidOption) / f"{name}-{size}"
    with alone(folder, "out"):
        done = cells(
            experiment,
            size,
            range(count),
            folder / "cells",
            data=data,
            jobs=jobs,
            tell=tell,
            device=device,
        )
        return _judged(experiment, size, done, folder)


def _judged(experiment: Experiment, size: str, done: list[Cell], folder: Path) -> Result:
    """Verdicts, tables and figures of the cells, written to the folder."""
    count, claims = len(done), []
    for c in experiment.claims:
        plain = {k: v for k, v in asdict(c).items() if k != "judge"}
        verdict = asdict(c.judge(done))
        if count < FEWEST_SEEDS and verdict["holds"] != UNTOLD:
            few = f"{count} seeds say too little of noise: {FEWEST_SEEDS} at least."
            verdict |= {"holds": UNTOLD, "why": f"{few} {verdict['why']}"}
        claims.append(plain | verdict)
    result: Result = {
        "name": experiment.name,
        "paper": experiment.paper,
        "place": experiment.place,
        "about": experiment.about,
        "size": size,
        "seeds": count,
        "claims": claims,
        "tables": [asdict(t) for t in experiment.tables(done)],
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


def results(out: str | Path) -> list[Result]:
    """All results that are in a folder, by name; a file that was cut is set aside, and told.

    Folders that are no experiment's are somebody else's: nothing in them is looked at.
    """
    places = sorted(place(out, "folder", InvalidOption).glob("*/result.json"))
    found = (_read(p) for p in places if p.parent.name.rpartition("-")[0] in EXPERIMENTS)
    return [r for r in found if r is not None]


def _read(path: Path) -> Result | None:
    try:
        result: Result = from_json(path.read_text())
        missing = [k for k in KEYS if k not in result]
        if not isinstance(result, dict) or missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        return result
    except (ValueError, TypeError) as error:
        name, _, size = path.parent.name.rpartition("-")
        again = f"metainfl reproduce {name} --size {size} makes it again from its cells"
        set_aside(path, error, again)
        return None
