"""Losses: a function of outputs (n, ...) and targets that returns one loss an instance, (n,).

Instance weights need the losses one by one; reduction is the problem's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.numbers import said
from metainfl.operations import exact_derivatives
from metainfl.problem.uncompiled import uncompiled

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
    _classes(outputs, targets)
    outputs = _below_the_largest(outputs)
    log_total = torch.logsumexp(outputs, dim=1)
    if targets.is_floating_point():
        return targets.sum(1) * log_total - (targets * outputs).sum(1)
    return log_total - outputs.gather(1, targets[:, None].long())[:, 0]


def _classes(outputs: Tensor, targets: Tensor) -> None:
    """`InvalidProblem` unless outputs are (n, c) and targets labels (n,) or vectors (n, c)."""
    shapes = f"outputs {tuple(outputs.shape)} and {targets.dtype} targets {tuple(targets.shape)}"
    if outputs.ndim != 2:
        raise InvalidProblem(
            f"cross_entropy takes outputs (instances, classes), got {shapes}: write a loss of your own "
            "for other shapes"
        )
    if targets.is_floating_point():
        if targets.ndim != 2:
            raise InvalidProblem(
                f"floating-point targets of cross_entropy are class probabilities (n, classes), got "
                f"{shapes}: labels are whole numbers, targets.long()"
            )
        if outputs.shape != targets.shape:
            raise InvalidProblem(
                f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} differ: the "
                "model was built for another number of ways"
            )
    elif targets.ndim != 1:
        raise InvalidProblem(
            f"class labels of cross_entropy are (n,), got {shapes}: give labels without further dimensions, "
            "or one-hot vectors as floating point, targets.double()"
        )


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
    loss = uncompiled(loss)
    if isinstance(loss, type) or not callable(loss):
        more = ", a class: give an object of it" if isinstance(loss, type) else ""
        raise InvalidProblem(
            "a loss is a function of outputs (n, ...) and targets that returns one number an instance (n,), "
            f"such as metainfl.squared; got {said(loss)}{more}"
        )
    return Guarded(loss)


def weighted(loss: Loss, outputs: Tensor, targets: Tensor, weights: Tensor, name: str) -> Tensor:
    """sum_j w_j l_j, a scalar; the loss must have left the instances apart."""
    return (weights * one_each(loss(outputs, targets), len(weights), name)).sum()


def one_each(losses: Any, n: int, name: str) -> Tensor:
    """What a loss returned; `InvalidProblem` unless it is one real number an instance (n,)."""
    if not isinstance(losses, Tensor):
        raise InvalidProblem(
            f"the {name} loss must return a torch tensor, one loss an instance ({n},), got {said(losses)}"
        )
    if losses.shape != (n,):
        raise InvalidProblem(
            f"the {name} loss must return one loss an instance, ({n},), got {tuple(losses.shape)}; use "
            "reduction='none'"
        )
    if losses.is_complex() or losses.dtype in (torch.float16, torch.bfloat16):
        why = "not real" if losses.is_complex() else "too coarse for second derivatives"
        raise InvalidProblem(
            f"the {name} loss returned {losses.dtype}, which is {why}: compute it in the precision of its "
            f"outputs, {losses.real.dtype if losses.is_complex() else 'float32 or float64'}"
        )
    if not losses.is_floating_point():
        raise InvalidProblem(
            f"the {name} loss returned {losses.dtype}, which has no derivative: a 0-1 loss is a measure, and "
            "influence needs a loss that is differentiable, cross-entropy say"
        )
    return losses
