"""The same program with other weights: removal without stationarity, convexity or noise."""

from __future__ import annotations

from metainfl_reference.episodes import Weights
from metainfl_reference.estimands.trajectory.run import Run, run
from metainfl_reference.perturbation import Perturbation


def replay(of: Run, weights: Weights) -> Run:
    """The run from the same start with these weights; batch means still divide by |B_t|."""
    return run(of.family, of.recipe, of.states[0], weights)


def removal(of: Run, p: Perturbation) -> Run:
    """The run with the weights that p names (one, or a group) at 0; its `final` is lam_S without p."""
    return replay(of, of.weights.without(p))
