"""Transposed convolution with output padding, whose second derivative in its input torch refuses.

Its backward hands the output padding on to a convolution that has none. The same numbers without it: the
convolution without padding, p rows off the front and p - q off the back, where q is the output padding (rows
of nothing but the bias are put on where that is negative).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

Sizes = int | tuple[int, ...] | list[int]


def _of(torchs: Callable[..., Tensor], axes: int) -> Callable[..., Tensor]:
    """In place of torch's own over `axes` dimensions."""

    def several(value: Sizes) -> tuple[int, ...]:
        found = (value,) if isinstance(value, int) else tuple(value)
        return found * axes if len(found) == 1 else found

    def conv_transpose(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> Tensor:
        more = several(output_padding)
        if not any(more):
            return torchs(input, weight, bias, stride, padding, output_padding, groups, dilation)
        strides, dilations = several(stride), several(dilation)
        if any(q >= max(s, d) or q < 0 for q, s, d in zip(more, strides, dilations, strict=True)):
            # torch says what is wrong with it
            return torchs(input, weight, bias, stride, padding, output_padding, groups, dilation)
        whole = torchs(input, weight, None, stride, 0, 0, groups, dilation)
        ends = [end for p, q in zip(several(padding), more, strict=True) for end in (q - p, -p)]
        found = pad(whole, ends[::-1])
        return found if bias is None else found + bias.reshape(-1, *(1,) * axes)

    return conv_transpose


TRANSPOSED: dict[Any, Callable[..., Any]] = {
    f: _of(f, axes)
    for axes, f in enumerate(
        (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d), start=1
    )
}
