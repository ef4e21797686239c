"""Losses: a function of outputs (n, ...) and targets that returns one loss an instance, (n,).

Instance weights need the losses one by one; reduction is the problem's business.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives

Loss = Callable[[Tensor, Tensor], Tensor]


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """|outputs - targets|^2 / 2 of each instance, (n,)."""
    if not targets.is_floating_point():
        raise InvalidProblem(
            f"the squared loss needs floating-point targets, got {targets.dtype}; "
            "one-hot encode class labels first (metainfl.data.one_hot)"
        )
    if outputs.shape != targets.shape:
        raise InvalidProblem(
            f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} differ in shape"
        )
    squares = (outputs - targets).square()
    return 0.5 * (squares.flatten(1).sum(1) if squares.ndim > 1 else squares)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy of each instance, (n,); targets are labels (n,) or vectors (n, c)."""
    outputs = _below_the_largest(outputs)
    log_total = torch.logsumexp(outputs, dim=1)
    if targets.is_floating_point():
        if outputs.shape != targets.shape:
            raise InvalidProblem(
                f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} differ: the "
                "model was built for another number of ways"
            )
        return targets.sum(1) * log_total - (targets * outputs).sum(1)
    return log_total - outputs.gather(1, targets[:, None].long())[:, 0]


def _below_the_largest(outputs: Tensor) -> Tensor:
    """Outputs less the largest of each instance, which is a constant 0.

    No value changes; but the largest one's derivative is minus the sum of the others', which keeps the
    digits of 1 - p where p is nearly 1.
    """
    top = outputs.argmax(1, keepdim=True)
    others = torch.ones_like(outputs).scatter(1, top, 0)
    return (outputs - outputs.gather(1, top)) * others


class Guarded:
    """Another loss, its operations computed with exact derivatives (see `operations`)."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.__name__ = str(getattr(loss, "__name__", type(loss).__name__))

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(n,)."""
        with exact_derivatives():
            return self.loss(outputs, targets)


def as_loss(loss: Loss) -> Loss:
    """A loss that can be differentiated three times; those of this file are as they stand."""
    if isinstance(loss, Guarded) or loss is squared or loss is cross_entropy:
        return loss
    return Guarded(loss)


def weighted(loss: Loss, outputs: Tensor, targets: Tensor, weights: Tensor, name: str) -> Tensor:
    """sum_j w_j l_j, a scalar; the loss must have left the instances apart."""
    losses = loss(outputs, targets)
    if losses.shape != weights.shape:
        raise InvalidProblem(
            f"the {name} loss must return one loss an instance, {tuple(weights.shape)}, got "
            f"{tuple(losses.shape)}; use reduction='none'"
        )
    return (weights * losses).sum()
