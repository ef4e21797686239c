"""The contract of an adaptation: theta(lam), differentiable twice in lam, in weights and in inputs.

`prepare` does the expensive part once, at the lam where derivatives will be taken, without
gradients and for a whole stack of tasks. `adapt` then returns theta for one task as a function that
`torch.func` can differentiate: its value, first and second derivatives are those of the true
theta(lam) there. Nothing ever holds d2 theta/d lam2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metainfl.checked import Checked
from metainfl.problem.losses import Loss
from metainfl.problem.model import Model
from metainfl.problem.tasks import Tasks, TaskView


@dataclass(frozen=True)
class Setting:
    """What an adaptation works with: the model and the inner loss."""

    model: Model
    inner_loss: Loss


class Adaptation(Checked, ABC):
    """How a task's parameters come from lam."""

    #: theta lives in the space of lam, so |theta - lam| means something
    same_space: bool = True

    def n_meta(self, model: Model) -> int:
        """P."""
        return model.n_params

    def check(self, s: Setting, tasks: Tasks) -> None:
        """Raise `InvalidProblem` or `InvalidTasks` where model, loss or tasks do not suit it."""

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """Per-task state with a leading task dimension; a tuple of tensors, empty by default."""
        return ()

    def witness(self, s: Setting, lam: Tensor, tasks: TaskView, state: Any) -> Tensor | None:
        """What changes when anything that a state hangs on does, and costs less than `prepare`.

        None, the default: states are prepared again and never kept.
        """
        return None

    @abstractmethod
    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Theta of one task."""

    def frozen(self) -> Adaptation:
        """The same adaptation with d theta/d lam ignored."""
        return Frozen(self)

    def outputs(self, s: Setting, lam: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        """The adapted learner's outputs on x (n, ...)."""
        return s.model(theta, x)


class Frozen(Adaptation):
    """theta held at its value: d theta/d lam ignored, so derivatives become partial ones (Direct-IF)."""

    def __init__(self, inner: Adaptation) -> None:
        self.inner, self.same_space = inner, inner.same_space

    def check(self, s: Setting, tasks: Tasks) -> None:
        """As the wrapped adaptation."""
        self.inner.check(s, tasks)

    def n_meta(self, model: Model) -> int:
        """As the wrapped adaptation."""
        return self.inner.n_meta(model)

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """Theta at lam, computed once."""
        state = self.inner.prepare(s, lam, tasks)

        def one(task: TaskView, own: Any) -> Tensor:
            return self.inner.adapt(s, lam, task, own)

        return (torch.func.vmap(one)(tasks, state).detach(),)

    def witness(self, s: Setting, lam: Tensor, tasks: TaskView, state: Any) -> Tensor | None:
        """The wrapped adaptation's, at the same theta."""
        return self.inner.witness(s, lam, tasks, state)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """The constant."""
        return state[0]

    def outputs(self, s: Setting, lam: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        """As the wrapped adaptation has it: lam may still be read directly."""
        return self.inner.outputs(s, lam, theta, x)
