"""What Table 1 of 001 is measured on: digits (small), or Omniglot, MNIST and Mini-ImageNet where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metainfl.errors import MissingData
from metainfl.experiments.experiment import Cell
from metainfl.experiments.paper_001.edits import measured
from metainfl.experiments.settings import TABLE1, setting

NAMES = {
    "digits": "digits",
    "omniglot": "Omniglot",
    "mnist": "MNIST",
    "mini-imagenet": "Mini-ImageNet",
}


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By data set what `measured` gives, and the names of the data sets that are not there.

    Raises `MissingData` where none is.
    """
    if size == "small":
        return {"sets": {"digits": measured(setting(size, seed, data), "digits")}, "missing": []}
    sets: Cell = {}
    missing, last = [], None
    for paper in TABLE1[size]:
        try:
            made = setting(size, seed, data, paper=paper)
        except MissingData as error:
            missing.append(paper.data)
            last = error
            continue
        sets[paper.data] = measured(made, paper.data)
    if not sets:
        raise MissingData(
            f"none of {', '.join(missing)} lies in the folder of data, and one of them is enough; of the "
            f"last: {last}"
        ) from last
    return {"sets": sets, "missing": missing}


def by_set(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Cells of one data set each, by its name in words."""
    return {NAMES[n]: [c["sets"][n] for c in cells] for n in cells[0]["sets"]}


def left_out(cells: Sequence[Cell]) -> str:
    """A sentence on the data sets that were not there, after a blank; empty where all were."""
    names = [NAMES[n] for n in cells[0]["missing"]]
    if not names:
        return ""
    return f" Left out, as the folder of data does not hold it: {', '.join(names)}."
