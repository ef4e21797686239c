"""Layers that can be differentiated as often as influence needs.

torch's fused batch norm has no third derivative in reverse mode and no fused forward derivative; written
out in elementary operations it has both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BatchStatNorm2d(nn.Module):
    """(x - mean) / sqrt(var + eps) * weight + bias, with the batch's own statistics per channel.

    The same numbers as `nn.BatchNorm2d(channels, track_running_stats=False)`, for inputs (n, c, h, w).
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised x."""
        centred = x - x.mean(dim=(0, 2, 3), keepdim=True)
        scale = (centred.square().mean(dim=(0, 2, 3), keepdim=True) + self.eps).rsqrt()
        return centred * (scale * self.weight[:, None, None]) + self.bias[:, None, None]
