"""Adaptation as first-order MAML differentiates it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.problem.adaptation import Frozen, Setting
from metainfl.problem.tasks import TaskView


class Shifted(Frozen):
    """theta = lam + what adaptation moved it by, that taken as a constant."""

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta - lam at lam."""
        return (super().prepare(s, lam, tasks)[0] - lam.detach(),)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """lam + the constant."""
        return lam + state[0]


def first_order(problem: Problem) -> Problem:
    """The same problem as first-order MAML differentiates it; where theta has a space of its own, frozen."""
    wrap = Shifted if problem.adaptation.same_space else Frozen
    return problem.replaced(adaptation=wrap(problem.adaptation), symmetry=None)
