"""Which tasks of a batch: places, negative ones from the end, or a mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks


def places(index: Sequence[int] | Tensor, n: int) -> list[int]:
    """Which of n tasks: places, negative ones from the end, or a mask; `InvalidTasks` for anything else."""
    try:
        i = torch.as_tensor(index, device="cpu")
    except (TypeError, ValueError, RuntimeError):
        i = torch.empty(0, device="cpu")
    if i.dtype == torch.bool and i.shape == (n,):
        i = i.nonzero()[:, 0]
    if (
        i.ndim != 1
        or not len(i)
        or i.dtype.is_floating_point
        or i.dtype in (torch.bool, torch.complex64)
    ):
        raise InvalidTasks(
            f"give the places of the tasks as a list of whole numbers, or a mask ({n},) that leaves some; "
            f"got {index!r}"
        )
    wanted = [int(k) for k in i.tolist()]
    wrong = [k for k in wanted if not -n <= k < n]
    if wrong:
        raise InvalidTasks(f"tasks run from 0 to {n - 1}, asked for {wrong[0]}")
    return [k % n for k in wanted]
