"""Scores of a training run by its adjoint, and removals by running again: both exact."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from scipy.stats import t as student
from torch import Tensor

from metainfl.attribution.answer import Answer, Cost
from metainfl.attribution.seeds import others
from metainfl.errors import InvalidRecipe
from metainfl.problem.magnitude import deviation
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.undone import Undone
from metainfl.problem.weights import weight
from metainfl.training import Run, objective
from metainfl.training.places import needed

TRIED = 3  # steps that the cost is predicted from


class OfRun:
    """The run's own derivative."""

    estimator = "derivative of the training run (adjoint)"
    exact = True

    def __init__(self, run: Run, seeds: int = 0, store: Path | None = None) -> None:
        self.run, self.seeds, self.store = run, seeds, store

    def why(self) -> str:
        """Why this estimator."""
        return (
            "a training run is a deterministic program, so its derivative in every weight is exact, "
            "whether or not it ended at a minimum; one pass backwards gives all tasks and instances"
        )

    def facts(self) -> dict[str, str]:
        """What was looked at."""
        smooth = self.run.smoothness()
        try:
            end = objective(self.run)
            still = f"gradient {end.residual(end.lam):.1e} of the size of its terms at the end"
        except InvalidRecipe as error:  # it descends no one objective
            still = f"not looked at, {error}"
        return {
            "run": repr(self.run),
            "stationary": f"{still}; the run's derivative does not ask for a stationary point",
            "smooth": str(smooth),
        }

    def predicted(self, targets: Tasks, asked: Sequence[Perturbation]) -> Cost:
        """From the last few steps, each taken, and gone back over."""
        few = min(TRIED, self.run.done)
        last = self.run.phase(self.run.done - few, progress=False)
        slopes = self.run.target_slopes(targets)
        last.phase(few - 1, progress=False).sensitivities(slopes, needed(asked))  # once warm
        started = time.perf_counter()
        last.replay()
        ran = time.perf_counter()
        last.sensitivities(slopes, needed(asked))
        back = time.perf_counter()
        times = self.run.done / few
        step, pull = (ran - started) * times, (back - ran) * times
        return Cost(scores=(step + pull) * (1 + self.seeds) + step * self.seeds, rerun=step)

    def scores(self, targets: Tasks, asked: Sequence[Perturbation], progress: bool) -> Answer:
        """Minus weight times derivative (n, m): the change of each target's loss by each removal."""
        first = _scores(self.run, targets, asked, progress)
        if self.seeds == 0:
            return Answer(first, None, "")
        runs = others(self.run, self.seeds, self.store, progress)
        every = torch.stack([first, *(_scores(r, targets, asked, progress) for r in runs)])
        wide = student.ppf(0.975, self.seeds) * deviation(every.mean(2)) / (1 + self.seeds) ** 0.5
        return Answer(
            every.mean(0),
            wide,
            f"95 % interval of the mean over {1 + self.seeds} runs with batches from other seeds",
            first,
        )

    def removed(
        self,
        targets: Tasks,
        what: Sequence[Perturbation],
        *,
        jobs: int,
        store: Path | None,
        progress: bool,
    ) -> list[Tensor | Undone]:
        """Change of the targets' losses (m,) by each removal, the program run again; or why there is none."""
        return self.run.removals(what, targets, jobs=jobs, store=store, progress=progress)


def _scores(run: Run, targets: Tasks, asked: Sequence[Perturbation], progress: bool) -> Tensor:
    found = run.sensitivities(run.target_slopes(targets), needed(asked), progress=progress)
    tasks = run.program.problem.tasks
    w = found.start.new_tensor([weight(tasks, parts(p)[0]) for p in asked])
    return -w[:, None] * found.along(asked)
