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
    """While a module is called with these parameters, by name, each with its padding row: that is looked up
    as any other row, and has the derivative of what it is.

    `InvalidProblem` where such a parameter is read by anything but `F.embedding` with that padding. Shapes
    may be read.
    """

    def __init__(self, padded: dict[str, tuple[Tensor, int]]) -> None:
        super().__init__()
        self.padded = padded

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        named = dict(kwargs or {})
        name = self._name((*args, *named.values()))
        if name is None:
            return func(*args, **named)
        if func is F.embedding:
            given = args[2] if len(args) > 2 else named.pop("padding_idx", None)
            if given == self.padded[name][1]:
                args = (*args[:2], None, *args[3:]) if len(args) > 2 else args
                lookup: Any = func
                return lookup(*args, **named)
            how = "by an embedding that has another padding_idx or none"
        else:
            found = func(*args, **named)
            if not of_values(func, found):
                return found
            how = f"by {getattr(func, '__name__', func)}"
        raise InvalidProblem(
            f"parameter {name!r} has a padding row, which its embedding's padding_idx keeps from being "
            f"trained, but the model reads it {how} too, where torch does train that row: build the "
            "embedding without padding_idx and multiply its output by a mask, or give the other reading a "
            "weight of its own"
        )

    def _name(self, given: tuple[Any, ...]) -> str | None:
        return next(
            (n for t in flat(given) for n, (own, _) in self.padded.items() if t is own), None
        )
