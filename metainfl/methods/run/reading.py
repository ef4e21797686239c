"""What every estimator of this room reads from a run: targets, checkpoints, and what a step's batch adds.

All of them return (n, m), perturbations by targets, as `Run.scores` does, and with its sign: an estimate
of d L_t(lam_S)/d pi, negative where the data helped. Papers of this kind print minus that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from metainfl.derive.loop import together
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, InvalidRecipe
from metainfl.methods.used_last import layer_of, used_last
from metainfl.problem import FromModule
from metainfl.problem.asked import require_tasks
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check
from metainfl.training import places
from metainfl.training.adjoint import Sensitivities
from metainfl.training.groups import Groups
from metainfl.training.products import Products
from metainfl.training.run import Run


class Reading:
    """One question to a run: these perturbations, these targets."""

    def __init__(self, run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> None:
        self.run, self.program, self.perturbations = run, run.program, list(perturbations)
        if not run.done:
            raise InvalidRecipe("this run has taken no step: there is nothing to read")
        tasks = self.program.problem.tasks
        check(tasks, self.perturbations)
        like = run.state.lam
        self.targets = require_tasks(targets, like)
        preflight(run.problem(), self.targets, "target")
        self.names = places.needed(self.perturbations)
        self.sums = {n: places.zeros(tasks, n, self.targets.n_tasks) for n in self.names}

    def at(self, lam: Tensor) -> Problem:
        """The run's problem at one of its states."""
        return self.program.problem.replaced(lam=lam)

    def slopes(self, lam: Tensor) -> Tensor:
        """D L_t at lam, through each target's own adaptation (m, p)."""
        return self.at(lam).task_gradients(lam, self.targets)

    def add(self, t: int, lam: Tensor, directions: Tensor) -> None:
        """Add directions (m, p) . d(c_t grad of step t's batch at lam)/d pi."""
        along = {"lam": self.program.scale(t) * directions}
        batch = Products(self.program, t, lam, ("lam",), self.names)
        batch.along(lambda stack, at: along, len(directions), self.sums)

    def value(self) -> Tensor:
        """What was added (n, m)."""
        sums = {n: together(t) for n, t in self.sums.items()}
        tasks = self.program.problem.tasks
        return Sensitivities(sums, self.run.lam, (), tasks).along(self.perturbations)

    def rate(self, t: int) -> float | Tensor:
        """Of step t, of the last one at the end of the run; of groups one a parameter (p,)."""
        rate = self.program.rates[min(t, self.run.done - 1)]
        optimiser = self.program.recipe.optimiser
        return optimiser.factors(self.run.lam) * rate if isinstance(optimiser, Groups) else rate

    def states(self, times: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        """(t, lam_t) at the times given, in their order."""
        for t, state in self.run.states_at(times):
            yield t, state.lam


def spaced(run: Run, checkpoints: int | Sequence[int] | None) -> list[int]:
    """Times of checkpoints in [0, done]: as given, or that many, the middles of equal parts of the run.

    None: every step taken.
    """
    if checkpoints is None:
        return list(range(run.done))
    if isinstance(checkpoints, int):
        if not 1 <= checkpoints <= run.done:
            raise InvalidOption(f"1 to {run.done} checkpoints fit this run, got {checkpoints}")
        return [int((i + 0.5) * run.done / checkpoints) for i in range(checkpoints)]
    times = [int(t) for t in checkpoints]
    if not times or sorted(set(times)) != times or times[0] < 0 or times[-1] > run.done:
        raise InvalidOption(f"checkpoints ascend within 0 to {run.done}, got {list(checkpoints)}")
    return times


def last_layer(problem: Problem) -> Tensor:
    """Mask (p,) of the parameters of the layer that the model's forward pass uses last."""
    model = problem.setting.model
    if not isinstance(model, FromModule) or problem.n_meta != model.n_params:
        raise InvalidOption(
            "the last layer is known where lam is the parameters of a torch.nn.Module; give `parameters`, "
            f"a mask ({problem.n_meta},)"
        )
    layer = used_last(problem)
    parts = [
        torch.full((s.numel(),), layer_of(n) == layer, device="cpu")
        for n, s in model.shapes.items()
    ]
    return torch.cat(parts)
