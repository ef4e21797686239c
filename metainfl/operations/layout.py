"""Operations that move or read places, whose derivative torch gets wrong once it is batched: by another
route, or refused.

`as_strided` takes the memory of a whole batch for that of one task; `max_unpool` gives every copy of a
place that is written twice its gradient, though only one is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.operations.arguments import need, place


def view_as_complex(input: Tensor) -> Tensor:
    """(..., 2) as complex numbers (...)."""
    last = input.shape[-1] if input.ndim else 0
    need(last == 2, "view_as_complex", "a last axis of 2", last)
    return torch.complex(input[..., 0], input[..., 1])


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """By indices: torch's own ignores the shift of a batched tangent."""
    if dims is None or _several(dims) == ():
        need(len(_several(shifts)) == 1, "roll without dims", "one shift", shifts)
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    by, along = _several(shifts), _several(dims)
    need(len(by) == len(along), "roll", "as many shifts as dims", f"{shifts} and {dims}")
    for shift, dim in zip(by, along, strict=True):
        place(dim, input.ndim, "roll")
        n = input.shape[dim]
        if n:
            places = (torch.arange(n, device=input.device) - shift) % n
            input = input.index_select(dim, places)
    return input


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Input with one slice put in place of its own: torch's batched gradient of it is wrong."""
    place(dim, input.ndim, "select_scatter")
    n = input.shape[dim]
    need(-n <= index < n, "select_scatter", f"an index from {-n} to {n - 1}", index)
    kept = tuple(input.select(dim, index).shape)
    need(tuple(src.shape) == kept, "select_scatter", f"a slice {kept}", tuple(src.shape))
    at = index % n
    before, after = input.narrow(dim, 0, at), input.narrow(dim, at + 1, n - at - 1)
    return torch.cat([before, src.unsqueeze(dim), after], dim=dim)


def _strided(*args: Any, **kwargs: Any) -> Tensor:
    raise InvalidProblem(
        "the model calls as_strided, which reads memory: batched over tasks it reads that of other tasks, "
        "without a word; use unfold, indexing, reshape or diagonal instead"
    )


def unpool(which: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """max_unpool1d, 2d or 3d where windows do not overlap."""

    def call(
        input: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        def each(value: Any) -> tuple[int, ...]:
            return (value,) * 3 if isinstance(value, int) else tuple(value)

        if stride and any(s < k for s, k in zip(each(stride), each(kernel_size), strict=False)):
            raise InvalidProblem(
                f"max_unpool with windows of {kernel_size} and strides of {stride} writes some places more "
                "than once, and torch's gradient there is wrong; pool with a stride of at least the window"
            )
        return which(input, indices, kernel_size, stride, padding, output_size)

    return call


LAYOUT: dict[Any, Callable[..., Any]] = {
    torch.view_as_complex: view_as_complex,
    torch.roll: roll,
    torch.select_scatter: select_scatter,
    Tensor.select_scatter: select_scatter,
    Tensor.roll: lambda x, shifts, dims=None: roll(x, shifts, dims),
    **{
        getattr(torch, name): _strided
        for name in ("as_strided", "as_strided_copy", "as_strided_scatter")
    },
    Tensor.as_strided: _strided,
    Tensor.as_strided_scatter: _strided,
    F.max_unpool1d: unpool(F.max_unpool1d),
    F.max_unpool2d: unpool(F.max_unpool2d),
    F.max_unpool3d: unpool(F.max_unpool3d),
}
