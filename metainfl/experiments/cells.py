"""Cells on disk: one file a seed, whole or not there, so that a killed experiment goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from metainfl.data.locate import root_of
from metainfl.data.looked import Names, contents, looking
from metainfl.experiments.experiment import Cell, Experiment
from metainfl.plain import as_json, from_json
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
) -> list[Cell]:
    """The cells of all seeds, in their order; those in the folder are read, not done again."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {s: folder / f"seed-{s}.json" for s in seeds}
    known = _Known(experiment, size, root_of(data))
    out = {s: kept for s in seeds if (kept := known.cell(paths[s])) is not None}
    left = [s for s in seeds if s not in out]
    tell(len(out), len(seeds), f"seed {left[0]}" if left else "done")
    calls: list[Call] = [(_one, (experiment.name, size, s, data, at_once(jobs) != 1)) for s in left]
    for k, (found, looked) in unordered(calls, jobs):
        seed = left[k]
        half = paths[seed].with_suffix(".part")
        half.write_text(as_json(known.plain(found, looked)) + "\n")
        half.replace(paths[seed])
        out[seed] = found
        rest = [s for s in seeds if s not in out]
        tell(len(out), len(seeds), f"seed {rest[0]}" if rest else "done")
    return [out[s] for s in seeds]


def _one(
    name: str, size: str, seed: int, data: Path | None, alone: bool
) -> tuple[Cell, list[Names]]:
    from metainfl.experiments.registry import find

    if alone:
        torch.set_num_threads(1)
    with looking() as looked:
        return find(name).cell(size, seed, data), looked


class _Known:
    """What makes a cell the one that is asked for: its experiment's version, and the data that it read."""

    def __init__(self, experiment: Experiment, size: str, root: Path | None) -> None:
        self.version, self.size, self.root = experiment.version, size, root
        self.digests: dict[str, str] = {}

    def plain(self, cell: Cell, looked: Sequence[Sequence[str]]) -> dict[str, Any]:
        """As it is written; `data` is null where no data set was looked for."""
        data = {"looked": looked, "digest": self._digest(looked)} if looked else None
        return {"version": self.version, "data": data, "cell": cell}

    def cell(self, path: Path) -> Cell | None:
        """The one in the file, if it answers."""
        try:
            kept = from_json(path.read_text())
            if kept["version"] != self.version:
                return None
            cell: Cell = kept["cell"]
            if "data" not in kept:  # of an earlier version: small ones read no data
                return cell if self.size == "small" or self.root is None else None
            data = kept["data"]
            same = data is None or data["digest"] == self._digest(data["looked"])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not there, cut short, or something else
        return cell if same else None

    def _digest(self, looked: Sequence[Sequence[str]]) -> str:
        key = as_json(looked)
        if key not in self.digests:
            self.digests[key] = contents(self.root, looked)
        return self.digests[key]
