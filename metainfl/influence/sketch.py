"""Random signs that compress vectors of meta-parameters: x S / sqrt(k), S (p, k) of +-1 by a seed.

S is made anew wherever it is needed, some rows at a time, and never kept whole. Dot products survive on
average: E (x S)(S'y) / k = x . y, with variance at most (|x|^2 |y|^2 + (x . y)^2) / k (Achlioptas, J.
Comput. Syst. Sci. 66, 2003). Its bits are those of Philox, which numpy keeps the same for good.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

ROWS = 256  # of S at a time


def sketched(x: Tensor, size: int, seed: int) -> Tensor:
    """X (n, p) as (n, size), in x's dtype and on its device."""
    out = x.new_zeros(len(x), size)
    for block, start in enumerate(range(0, x.shape[1], ROWS)):
        part = x[:, start : start + ROWS]
        out += part @ _signs(part.shape[1], size, seed, block).to(x)
    return out / size**0.5


def _signs(rows: int, size: int, seed: int, block: int) -> Tensor:
    """(rows, size) of +-1."""
    raw = np.random.Philox(key=[seed, block]).random_raw(-(-rows * size // 64))
    bits = np.unpackbits(raw.astype("<u8").view(np.uint8), bitorder="little")[: rows * size]
    return torch.from_numpy(bits.reshape(rows, size).astype(np.int8) * 2 - 1)
