"""Random directions that are the same on every device and in either precision, to rounding."""

import torch
from torch import Tensor


def normal(*shape: int, like: Tensor, seed: int = 0) -> Tensor:
    """Normal numbers of this shape, drawn in float64 on the CPU, with the dtype and device of `like`."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=draw, dtype=torch.float64, device="cpu").to(like)
