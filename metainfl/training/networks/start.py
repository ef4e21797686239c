"""Initial parameters from a seed, without touching torch's global generator."""

from __future__ import annotations

import math

import torch
from torch import nn

from metainfl.errors import InvalidProblem


def started(module: nn.Module, seed: int, dtype: torch.dtype) -> nn.Module:
    """The module, built on the device "meta", with real parameters on the CPU.

    Weights of two or more dimensions uniform in +-sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010,
    as learn2learn starts its MAML networks), biases 0, scales of normalisation 1. Drawn in double
    precision in the order of `named_parameters`, then rounded: the same numbers in every dtype.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidProblem(f"a seed must be a whole number of at least 0, got {seed!r}")
    if not dtype.is_floating_point:
        raise InvalidProblem(f"networks need a floating-point dtype, got {dtype}")
    generator = torch.Generator().manual_seed(seed)
    module = module.to_empty(device="cpu").to(dtype)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.ndim >= 2:
                around = math.prod(p.shape[2:])
                bound = math.sqrt(6 / ((p.shape[0] + p.shape[1]) * around))
                drawn = torch.rand(p.shape, generator=generator, dtype=torch.float64, device="cpu")
                p.copy_((2 * drawn - 1) * bound)
            else:
                p.fill_(0.0 if name.endswith("bias") else 1.0)
    return module
