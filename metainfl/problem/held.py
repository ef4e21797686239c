"""What globals and classes hold that counts by value: numbers, texts, tensors, and containers of them."""

from __future__ import annotations

import enum
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor

NUMBERS = (bool, int, float, complex, str, bytes, type(None), Tensor)
VALUES = (*NUMBERS, enum.Enum, range, slice, torch.dtype, torch.device)
CONTAINERS = (tuple, list, dict, set, frozenset)
HELD = (*VALUES, *CONTAINERS, np.ndarray)


def told(value: Any, above: tuple[int, ...] = ()) -> Any:
    """The value for a digest; of what else a container holds, such as locks and files, the class's name."""
    if isinstance(value, (*VALUES, type, types.FunctionType)):
        return value
    if id(value) in above:
        return "above", above.index(id(value))
    above = (*above, id(value))
    if isinstance(value, np.ndarray):
        return told(value.tolist(), above) if value.dtype.hasobject else value
    if isinstance(value, dict):
        return {k: told(v, above) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return {"set": value if all(isinstance(v, VALUES) for v in value) else len(value)}
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *(told(v, above) for v in value)]
    return type(value).__qualname__
