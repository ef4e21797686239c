"""The inner Hessians of a stack of tasks, as matrices."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.func import jacrev, vmap

from metainfl.operations.forward import jacfwd
from metainfl.problem.tasks import TaskView

Inner = Callable[[Tensor, TaskView], Tensor]


def inner_hessian(inner: Inner) -> Callable[[Tensor, TaskView], Tensor]:
    """(theta (N, q), N tasks) -> d^2 inner / d theta^2 (N, q, q).

    Reverse over reverse: faster on small tasks, where what forward differentiation makes of each
    operation is all the cost. Where torch cannot differentiate a backward again, forward.
    """
    backward, forward = vmap(jacrev(jacrev(inner))), vmap(jacfwd(jacrev(inner)))

    def found(theta: Tensor, tasks: TaskView) -> Tensor:
        try:
            return backward(theta, tasks)
        except RuntimeError:
            return forward(theta, tasks)

    return found
