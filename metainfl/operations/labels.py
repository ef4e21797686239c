"""Losses of class labels, which torch takes as bytes too, but not where they are batched."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def _by_place(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss with labels that are bytes as int64: batched, torch gathers by them, which bytes cannot."""

    @wraps(loss)
    def own(input: Tensor, target: Tensor, *rest: Any, **named: Any) -> Tensor:
        if target.dtype == torch.uint8:
            target = target.long()
        return loss(input, target, *rest, **named)

    return own


LABELS: dict[Any, Callable[..., Any]] = {
    F.cross_entropy: _by_place(F.cross_entropy),
    F.nll_loss: _by_place(F.nll_loss),
}
