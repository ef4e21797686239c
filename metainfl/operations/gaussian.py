"""The Gaussian negative log-likelihood of torch, which asks whether a variance is negative: not batched.

Its variance is clamped at eps outside of what torch differentiates; here the clamp is differentiated, so the
derivative is that of the value. A negative variance, which torch refuses, gives NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.operations.arguments import REDUCTIONS, need, one_of


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log v + (x - y)^2 / v) / 2 with v = max(var, eps), and log(2 pi) / 2 where `full`."""
    one_of(reduction, REDUCTIONS, "the reduction of a loss")
    var = var if isinstance(var, Tensor) else torch.full_like(input, var)
    if var.shape != input.shape and var.shape == input.shape[:-1]:
        var = var.unsqueeze(-1)  # one variance for all outputs of an instance
    fits = var.shape == input.shape or var.shape == (*input.shape[:-1], 1)
    said = f"outputs {tuple(input.shape)} and variances {tuple(var.shape)}"
    need(fits, "gaussian_nll_loss", "one variance an output, or one an instance", said)
    v = torch.where(var < 0, torch.nan, var.clamp(min=eps))
    losses = 0.5 * (v.log() + (input - target).square() / v)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


GAUSSIAN: dict[Any, Callable[..., Any]] = {F.gaussian_nll_loss: gaussian_nll_loss}
