"""Targets as vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import whole


@typed
def one_hot(labels: Tensor, ways: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Labels (...,) in 0..ways-1 as floating-point unit vectors (..., ways)."""
    if labels.is_floating_point():
        raise InvalidTasks(f"labels must be integers, got {labels.dtype}")
    ways = whole(ways, "ways", 1, error=InvalidTasks)
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < ways:
        raise InvalidTasks(
            f"labels must lie in 0..{ways - 1}, got {int(labels.min())} to {int(labels.max())}"
        )
    return torch.nn.functional.one_hot(labels.long(), ways).to(dtype)
