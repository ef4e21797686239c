"""Functions and losses of torch whose backward has no derivative, or none batched, written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.operations.arguments import REDUCTIONS, need, one_of


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """clamp(x / 6 + 1/2, 0, 1)."""
    return (input / 6 + 0.5).clamp(0, 1)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-y x))."""
    return _reduced(F.softplus(-target * input), size_average, reduce, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """sum_{i != y} max(0, margin - x_y + x_i)^p / c of each row, times weight_y."""
    input = torch.atleast_1d(input)
    one_of(p, (1, 2), "p of multi_margin_loss")
    said = f"outputs {tuple(input.shape)} and labels {tuple(target.shape)}"
    fits = target.numel() == input.shape[:-1].numel()
    need(fits, "multi_margin_loss", "one label a row of outputs", said)
    target = target.reshape(input.shape[:-1])
    own = input.gather(-1, target.unsqueeze(-1))
    gap = (margin - own + input).clamp(min=0)
    gap = gap if p == 1 else gap.square()
    if weight is not None:
        gap = gap * weight[target].unsqueeze(-1)
    others = torch.arange(input.shape[-1], device=input.device) != target.unsqueeze(-1)
    return _reduced((gap * others).sum(-1) / input.shape[-1], size_average, reduce, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """sum max(0, 1 - x_j + x_i) / c over labels j before the first -1 and all i that are no label."""
    input, target = torch.atleast_1d(input), torch.atleast_1d(target)
    said = f"{tuple(input.shape)} and {tuple(target.shape)}"
    need(
        input.shape == target.shape, "multilabel_margin_loss", "labels of the outputs' shape", said
    )
    c = input.shape[-1]
    labels = (target >= 0).to(torch.int8).cumprod(-1).bool()
    place = torch.arange(c, device=input.device)
    is_label = ((target.unsqueeze(-1) == place) & labels.unsqueeze(-1)).any(-2)
    own = input.gather(-1, target.clamp(min=0))
    gap = (1 - own.unsqueeze(-1) + input.unsqueeze(-2)).clamp(min=0)
    counted = labels.unsqueeze(-1) & ~is_label.unsqueeze(-2)
    return _reduced((gap * counted).sum((-2, -1)) / c, size_average, reduce, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    **rest: Any,
) -> Tensor:
    """(x - y)^2: forward mode of torch's own ends where only one of the two moves."""
    if rest.get("weight") is not None:
        return F.mse_loss(input, target, size_average, reduce, reduction, **rest)
    return _reduced((input - target).square(), size_average, reduce, reduction)


def logcumsumexp(input: Tensor, dim: int, *, out: Any = None) -> Tensor:
    """log sum_{j <= i} exp x_j from all pairs i, j: torch's own has no batched second derivative."""
    if input.ndim == 0:
        return input
    x = input.movedim(dim, -1)
    n = x.shape[-1]
    later = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
    whole = x.unsqueeze(-2).expand(*x.shape[:-1], n, n).masked_fill(later, -torch.inf)
    return whole.logsumexp(-1).movedim(-1, dim)


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, options: Any = None, **rest: Any
) -> Tensor:
    """By the logits as a whole: torch's chunks have no second derivative."""
    return F.linear_cross_entropy(input, linear_weight, target, **rest)


def _reduced(losses: Tensor, size_average: Any, reduce: Any, reduction: str) -> Tensor:
    if size_average is not None or reduce is not None:
        whole = reduce is None or reduce
        reduction = ("sum" if size_average is False else "mean") if whole else "none"
    one_of(reduction, REDUCTIONS, "the reduction of a loss")
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


POINTWISE: dict[Any, Callable[..., Any]] = {
    F.hardsigmoid: hardsigmoid,
    F.mse_loss: mse_loss,
    torch.logcumsumexp: logcumsumexp,
    Tensor.logcumsumexp: logcumsumexp,
    F.soft_margin_loss: soft_margin_loss,
    F.multi_margin_loss: multi_margin_loss,
    F.multilabel_margin_loss: multilabel_margin_loss,
}
if hasattr(F, "linear_cross_entropy"):  # since torch 2.14
    POINTWISE[F.linear_cross_entropy] = linear_cross_entropy
