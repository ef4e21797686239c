"""What full is in an image: 255 for bytes, 1 for floats and bools, and what leaves that range is refused."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks


def full(x: Tensor) -> float:
    """What full is, by the kind of the numbers."""
    if x.dtype == torch.uint8:
        return 255.0
    if x.is_floating_point() or x.dtype == torch.bool:
        return 1.0
    raise InvalidTasks(
        f"images of {x.dtype} have no range of their own: say what full is (top=255)"
    )


def within(x: Tensor, top: float) -> None:
    """`InvalidTasks` for images that leave 0..top, by more than rounding."""
    if x.numel() == 0:
        return
    low, high = float(x.min()), float(x.max())
    slack = 1e-5 * top
    if not (low >= -slack and high <= top + slack):  # a NaN, too
        raise InvalidTasks(
            f"images of {x.dtype} run from {low:g} to {high:g} and full is {top:g}: say what full is (top="
            "255 where they are bytes as floats), or leave pixels out for features that are no images"
        )
