"""Training: a run from its start to its end."""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.training.begin import begin
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.progress import Watch
from metainfl.training.recipe import Recipe
from metainfl.training.run import Run
from metainfl.training.state import State

KEEP = 2**30


def train(
    problem: Problem,
    recipe: Recipe,
    *,
    start: Tensor | State | None = None,
    keep: int = KEEP,
    progress: bool | Watch = True,
) -> Run:
    """The run of `recipe` on `problem`, from `start` (default: problem.lam, or the module's parameters).

    A `State` as start carries the optimiser's moments on: the run is then a last phase, and its influence
    is over that phase. `keep` bounds the bytes of states that are kept for derivatives; `progress` shows a
    line on stderr where that is a terminal, or is told (done, steps, loss, state). Raises `RunNotFinite`
    (step, task) and `Interrupted`, both with the run so far as `result`: `result.resume()` goes on.
    """
    return Run(Checkpoints(begin(problem, recipe, start), keep)).resume(progress=progress)
