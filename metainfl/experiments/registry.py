"""All experiments by name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from metainfl.errors import InvalidOption
from metainfl.experiments.experiment import Experiment
from metainfl.experiments.paper_001 import figure1, figure2, pictures, table1
from metainfl.experiments.paper_002 import (
    alike,
    amounts,
    convolution,
    degraded,
    gauss_newton,
    groups,
    noise,
    self_rank,
    stored,
)
from metainfl.experiments.paper_004 import (
    active,
    errata,
    images,
    one_dimension,
    shortcuts,
    tables,
    trimming,
)
from metainfl.experiments.trained import gaps
from metainfl.numbers import said

ALL = "all"
EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        table1.EXPERIMENT,
        figure1.EXPERIMENT,
        figure2.EXPERIMENT,
        pictures.EXPERIMENT,
        self_rank.EXPERIMENT,
        degraded.EXPERIMENT,
        gauss_newton.EXPERIMENT,
        noise.EXPERIMENT,
        amounts.EXPERIMENT,
        groups.EXPERIMENT,
        alike.EXPERIMENT,
        convolution.EXPERIMENT,
        stored.EXPERIMENT,
        trimming.EXPERIMENT,
        errata.EXPERIMENT,
        one_dimension.EXPERIMENT,
        tables.EXPERIMENT,
        active.EXPERIMENT,
        images.EXPERIMENT,
        shortcuts.EXPERIMENT,
        gaps.EXPERIMENT,
    )
}


def find(name: str) -> Experiment:
    """The experiment called `name`; `InvalidOption` with the names there are."""
    if not isinstance(name, str) or name not in EXPERIMENTS:
        near = get_close_matches(name, EXPERIMENTS, 1) if isinstance(name, str) else []
        raise InvalidOption(
            f"there is no experiment {name if isinstance(name, str) else said(name)}"
            + (f" (did you mean {near[0]}?)" if near else "")
            + f"; there are {', '.join(EXPERIMENTS)}, the papers 001, 002 and 004, and all"
        )
    return EXPERIMENTS[name]


def named(names: Sequence[str]) -> list[str]:
    """Names of experiments, where "all" stands for all of them, and a paper's (002) for its own.

    Raises `InvalidOption` for one that is unknown, or named twice.
    """
    papers = {e.paper for e in EXPERIMENTS.values()}
    found: list[str] = []
    for name in names:
        if name == ALL:
            mine = list(EXPERIMENTS)
        elif name in papers:
            mine = [n for n, e in EXPERIMENTS.items() if e.paper == name]
        else:
            mine = [find(name).name]
        if again := set(found) & set(mine):
            raise InvalidOption(f"{sorted(again)[0]!r} is given twice: leave one out")
        found += mine
    return found
