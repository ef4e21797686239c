"""Cells on disk: one file a seed, whole or not there, so that a killed experiment goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from metainfl.experiments.experiment import Cell, Experiment
from metainfl.scale.pool import Call, unordered

Tell = Callable[[int, int, str], None]


def cells(
    experiment: Experiment,
    size: str,
    seeds: Sequence[int],
    folder: Path,
    *,
    data: Path | None,
    jobs: int,
    tell: Tell,
) -> list[Cell]:
    """The cells of all seeds, in their order; those in the folder are read, not done again."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {s: folder / f"seed-{s}.json" for s in seeds}
    out = {s: kept for s in seeds if (kept := _read(paths[s], experiment)) is not None}
    left = [s for s in seeds if s not in out]
    tell(len(out), len(seeds), f"seed {left[0]}" if left else "done")
    calls: list[Call] = [(_one, (experiment.name, size, s, data, jobs > 1)) for s in left]
    for k, found in unordered(calls, jobs):
        seed = left[k]
        half = paths[seed].with_suffix(".part")
        half.write_text(json.dumps({"version": experiment.version, "cell": found}) + "\n")
        half.replace(paths[seed])
        out[seed] = found
        rest = [s for s in seeds if s not in out]
        tell(len(out), len(seeds), f"seed {rest[0]}" if rest else "done")
    return [out[s] for s in seeds]


def _one(name: str, size: str, seed: int, data: Path | None, alone: bool) -> Cell:
    from metainfl.experiments.registry import find

    if alone:
        torch.set_num_threads(1)
    return find(name).cell(size, seed, data)


def _read(path: Path, experiment: Experiment) -> Cell | None:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return None  # not there, or cut short
    return kept["cell"] if kept.get("version") == experiment.version else None
