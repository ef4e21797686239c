"""Operations of torch that cannot be differentiated three times as they are, put right.

The total Hessian through a gradient step takes three derivatives of the model. Within
`exact_derivatives`, normalisation, attention and recurrent layers are computed by the formulas of this
folder, whatever module or function calls them, and random draws are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from metainfl.operations.attention import ATTENTION
from metainfl.operations.distances import DISTANCES
from metainfl.operations.embedding import EMBEDDING
from metainfl.operations.gaussian import GAUSSIAN
from metainfl.operations.labels import LABELS
from metainfl.operations.layout import LAYOUT
from metainfl.operations.linear_algebra import LINEAR_ALGEBRA
from metainfl.operations.normalisation import NORMALISATION
from metainfl.operations.pointwise import POINTWISE
from metainfl.operations.randomness import RANDOM
from metainfl.operations.recurrent import RECURRENT
from metainfl.operations.refused import REFUSED, address, private, refuse_private
from metainfl.operations.transposed import TRANSPOSED

INSTEAD: dict[Any, Callable[..., Any]] = {
    **NORMALISATION,
    **ATTENTION,
    **RECURRENT,
    **DISTANCES,
    **EMBEDDING,
    **LINEAR_ALGEBRA,
    **LABELS,
    **GAUSSIAN,
    **LAYOUT,
    **TRANSPOSED,
    **POINTWISE,
    **RANDOM,
    **REFUSED,
}


#: what is refused, by the names that operators have at their addresses (torch.linalg's with "linalg_"):
#: arguments may stand in another order there, so nothing that is written out is looked up like that
BY_NAME: dict[str, Callable[..., Any]] = {}
for _func, _own in {**RANDOM, **REFUSED}.items():
    _name = getattr(_func, "__name__", "")
    BY_NAME.setdefault(_name if hasattr(torch.ops.aten, _name) else f"linalg_{_name}", _own)


#: is told of every operation: function, arguments, named arguments, result
Watch = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]


def _ours(func: Any) -> Any:
    """What is called in place of an operation: also of one that a program calls by its address, as exported
    modules do (torch.ops.aten.layer_norm.default is torch.layer_norm).
    """
    if func in INSTEAD:
        return INSTEAD[func]
    if private(func):
        return refuse_private(func)
    name = address(func)
    if name is None:
        return func
    return INSTEAD.get(getattr(torch, name, None)) or BY_NAME.get(name, func)


class _Replacing(TorchFunctionMode):
    def __init__(self, watch: Watch | None) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        # torch leaves the mode for the length of this call: what is called may enter it again
        outside, _here.active = _here.active, False
        try:
            found = _ours(func)(*args, **(kwargs or {}))
            if self.watch is not None:
                self.watch(func, args, kwargs or {}, found)
            return found
        finally:
            _here.active = outside


class _Here(threading.local):
    active = False


_here = _Here()


@contextmanager
def exact_derivatives(watch: Watch | None = None) -> Iterator[None]:
    """A context in which models, losses and adaptations run: operations are looked up in `INSTEAD`, and
    `watch` is told of them.

    Entered within itself it does nothing, so that no operation is looked up twice.
    """
    if _here.active:
        yield
        return
    with _Replacing(watch):
        _here.active = True
        try:
            yield
        finally:
            _here.active = False
