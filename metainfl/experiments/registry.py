"""All experiments by name."""

from __future__ import annotations

from metainfl.errors import InvalidOption
from metainfl.experiments.experiment import Experiment
from metainfl.experiments.paper_001 import figure1, figure2, table1
from metainfl.experiments.paper_002 import degraded, gauss_newton, self_rank
from metainfl.experiments.paper_004 import active, trimming
from metainfl.experiments.trained import gaps

EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        table1.EXPERIMENT,
        figure1.EXPERIMENT,
        figure2.EXPERIMENT,
        self_rank.EXPERIMENT,
        degraded.EXPERIMENT,
        gauss_newton.EXPERIMENT,
        trimming.EXPERIMENT,
        active.EXPERIMENT,
        gaps.EXPERIMENT,
    )
}


def find(name: str) -> Experiment:
    """The experiment called `name`; `InvalidOption` with the names there are."""
    if name not in EXPERIMENTS:
        raise InvalidOption(f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
