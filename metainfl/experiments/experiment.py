"""What an experiment is: cells by seed, claims with the paper's numbers, and a judgement of the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from metainfl.errors import InvalidOption

Cell = dict[str, Any]
Plot = Callable[[Any, Sequence[Cell]], None]
Holds = Literal["holds", "does not hold", "cannot be told here"]
UNTOLD: Literal["cannot be told here"] = "cannot be told here"
#: fewer say too little about noise
FEWEST_SEEDS = 5
SIZES = ("small", "medium", "paper")


@dataclass(frozen=True)
class Verdict:
    """What the cells say of a claim: a word, our number with its interval, and why."""

    holds: Holds
    ours: str
    why: str


@dataclass(frozen=True)
class Claim:
    """A statement of a paper in our words, where it stands, its number, and how cells judge it.

    `against` names the baselines that stand beside it here and not in the paper.
    """

    place: str
    text: str
    paper: str
    judge: Callable[[Sequence[Cell]], Verdict]
    against: str = ""


@dataclass(frozen=True)
class Table:
    """A table of means over seeds: rows of plain data, the first column names the row."""

    name: str
    caption: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """One table or figure of a paper.

    cell      (size, seed, data folder) -> plain data; deterministic: a cell that is kept is not done again
    claims    what it decides
    tables    cells -> tables of the page
    figure    (axes, cells) draws the picture
    sizes     those that differ; at "medium" and "paper" it reads real data, from the data folder
    version   changes where cells of an older one mean something else
    figures   more of them by name, as the paper draws its own
    trains    a network or a training run, which can be on another device
    """

    name: str
    paper: str
    place: str
    about: str
    cell: Callable[[str, int, Path | None], Cell]
    claims: tuple[Claim, ...]
    tables: Callable[[Sequence[Cell]], list[Table]]
    figure: Plot | None = None
    seeds: Mapping[str, int] | None = None
    version: int = 1
    sizes: tuple[str, ...] = ("small", "paper")
    figures: Mapping[str, Plot] = field(default_factory=dict)
    trains: bool = True

    def at(self, size: str) -> None:
        """`InvalidOption` where there is no such size."""
        if size not in SIZES:
            raise InvalidOption(f"there is no size {size!r}; there are {', '.join(SIZES)}")
        if size not in self.sizes:
            raise InvalidOption(
                f"{self.name} has no size {size!r}, only {', '.join(self.sizes)}; where its data are drawn "
                "or come with scikit-learn, more draws of them are more seeds"
            )

    def default_seeds(self, size: str) -> int:
        """Five at least: fewer say nothing about noise."""
        return (self.seeds or {}).get(size, 5)
