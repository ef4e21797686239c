"""Tensors copied or moved for tasks: outside inference mode, and to a device that is there."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks


def copied(t: Tensor) -> Tensor:
    """A copy of one's own, with a count of its changes in place even where it is made in inference mode."""
    with torch.inference_mode(False):
        return t.detach().clone()


def moved(t: Tensor, device: torch.device | str | None, dtype: torch.dtype | None) -> Tensor:
    """The tensor on a device and, if it is floating point, in a dtype; `InvalidTasks` without the device."""
    if device is not None and str(device).partition(":")[0] == "meta":
        raise InvalidTasks("tasks on the device meta have no values: name one that has, 'cpu' say")
    try:
        return t.to(device=device, dtype=dtype if t.is_floating_point() else None)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        words = str(error).strip().splitlines()[0].rstrip(".")
        raise InvalidTasks(
            f"tasks cannot be put on device {device!r} here ({words[:200]}): name one that torch has, "
            "'cpu' or 'cuda:0' say"
        ) from error
