"""Padding rows that something other than their embedding reads.

torch gives the row of `nn.Embedding(padding_idx=i)` no gradient where the layer looks it up, but any other
operation on the same weight (`h @ embedding.weight.T`, a penalty) gives it one: then it is neither trained
nor a constant, and what a derivative would be is not said. Such a reading is found where it happens.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from metainfl.errors import InvalidProblem
from metainfl.problem.origin import flat, of_values


class LookedUpAlone(TorchFunctionMode):
    """While a module is called with these parameters: `InvalidProblem` where one with a padding row, by its
    name, is read by anything but `F.embedding`. Shapes may be read.
    """

    def __init__(self, padded: dict[str, Tensor]) -> None:
        super().__init__()
        self.padded = padded

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if func is F.embedding:
            return found
        read = flat((*args, *(kwargs or {}).values()))
        name = next((n for t in read for n, own in self.padded.items() if t is own), None)
        if name is not None and of_values(func, found):
            raise InvalidProblem(
                f"parameter {name!r} has a padding row, which its embedding's padding_idx keeps from being "
                f"trained, but the model reads it by {getattr(func, '__name__', func)} too, where torch does "
                "train that row: build the embedding without padding_idx and multiply its output by a mask, "
                "or give the other reading a weight of its own"
            )
        return found
