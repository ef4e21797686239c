"""What a trained lam is worth: minus the loss of target tasks, or a measure of the caller's own."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.games.game import Array
from metainfl.problem import Tasks

#: lam (p,) -> a number, or one entry a target
Measure = Callable[[Tensor], object]
Target = Tasks | Measure


class MinusLoss:
    """-L_t(lam) of each target task (targets,), adapted on its own support set.

    A target's task weight does not enter, as in `metainfl.scores` and `run.scores`; its instances' do.
    """

    def __init__(self, problem: Problem, targets: Tasks) -> None:
        like = problem.tasks.like
        kept = targets.select(range(targets.n_tasks))  # a copy: values are remembered
        self.problem, self.targets = problem, kept.to(like.device, like.dtype)

    def __call__(self, lam: Tensor) -> Array:
        """(targets,), larger is better."""
        found: Array = -self.problem.losses(lam, self.targets).detach().cpu().numpy()
        return found


def measure_of(problem: Problem, target: Target) -> Measure:
    """The measure that a target means: one entry a target task, larger is better."""
    if callable(target):
        return target
    if not hasattr(target, "groups"):
        raise InvalidOption(
            f"a target is Tasks, or a function of lam, larger = better; got {type(target).__name__}"
        )
    return MinusLoss(problem, target)
