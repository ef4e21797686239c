"""What an estimator reads, made once, and answers as arrays."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch


@cache
def ground(made, /, **options):
    """Each is made once."""
    return made(**options)


def numpy(x):
    """As an array, wherever it came from."""
    return (
        x.detach().double().numpy() if isinstance(x, torch.Tensor) else np.asarray(x, dtype=float)
    )
