"""From stored images to what a network reads: pixels of any size, TLXML's spectrum, standard scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metainfl.data.full import full, within
from metainfl.data.seeds import whole
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import flag
from metainfl.problem.magnitude import divisor

_AT_ONCE = 1024  # images in flight: Omniglot's 105 x 105 in double precision are 90 MB


@typed
def pixels(
    x: Tensor,
    size: int | None = None,
    *,
    invert: bool = False,
    grey: bool = False,
    dtype: torch.dtype = torch.float64,
    top: float | None = None,
) -> Tensor:
    """Images (n, h, w) or (n, h, w, c) as numbers 0..1, (n, c, size, size): x / `top`.

    `top` is the number that means full: 255 for bytes, 1 for floats and bools, whatever is the largest in
    them; numbers of another kind, and floats on another scale, need it said. Without `size` they keep theirs.
    `invert` gives 1 - x (Omniglot: ink becomes 1), `grey` the mean of the colours. `InvalidTasks` for what
    does not lie in 0..top.
    """
    invert, grey = flag(invert, "invert", InvalidTasks), flag(grey, "grey", InvalidTasks)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.shape[-1] not in (1, 3, 4):
        raise InvalidTasks(
            f"expected images (n, h, w) or (n, h, w, c) with the colours last, got {tuple(x.shape)}"
        )
    top = full(x) if top is None else top
    if not 0 < top < math.inf:
        raise InvalidTasks(f"top must be a positive number, got {top}")
    parts = []
    for part in x.split(_AT_ONCE):
        within(part, top)
        y = part.to(dtype) if top == 1 else part.to(dtype) / top
        y = y.movedim(-1, 1)
        y = y.mean(dim=1, keepdim=True) if grey else y
        y = y if size is None else resized(y, size)
        parts.append(1 - y if invert else y)
    return torch.cat(parts)


@typed
def resized(x: Tensor, size: int) -> Tensor:
    """x (..., h, w) as (..., size, size), each new pixel the mean of x over the square that it covers.

    R X C' with R_ij the share of old row j in new row i; the mean of an image stays what it was. Larger
    sizes repeat. Bytes come back as float32.
    """
    size = whole(size, "size")
    x = x if x.is_floating_point() else x.to(torch.float32)
    rows, columns = (_shares(n, size).to(x) for n in x.shape[-2:])
    return rows @ x @ columns.T


def _shares(old: int, new: int) -> Tensor:
    """(new, old): the share of old pixel j in new pixel i; each row sums to 1."""
    edges = torch.arange(new + 1, dtype=torch.float64, device="cpu") * old / new
    cells = torch.arange(old, dtype=torch.float64, device="cpu")
    upper = torch.minimum(edges[1:, None], cells + 1)
    lower = torch.maximum(edges[:-1, None], cells)
    return (upper - lower).clamp(min=0) * new / old


@typed
def spectrum(x: Tensor, size: int = 6) -> Tensor:
    """Images (..., c, h, w) as features (..., c size size): the centre of the Fourier transform's size.

    |sum_jk x_jk exp(-2 pi i (u j / h + v k / w))| / (h w) for the `size` x `size` frequencies around
    zero, row by row from -(size // 2); the entry of frequency zero is the image's mean. TLXML, appendix
    B.2.1 (size 6: 36 features), "applying 2-dimensional FFT and dropping the edges"; it does not say what
    it does with the phase, here it is dropped. A real image has equal sizes at opposite frequencies, so
    of the 36 numbers 24 differ.
    """
    h, w = x.shape[-2:]
    size = whole(size, "size")
    if x.ndim < 3 or not 1 <= size <= min(h, w):
        raise InvalidTasks(
            f"expected images (..., c, h, w) of at least {size} x {size}, got {tuple(x.shape)}"
        )
    sizes = torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1)).abs() / (h * w)
    top, left = h // 2 - size // 2, w // 2 - size // 2
    return sizes[..., top : top + size, left : left + size].flatten(-3)


@typed
def standardised(x: Tensor) -> Tensor:
    """x (n, ...) with mean 0 and deviation 1 a feature over n; a constant feature becomes 0.

    `InvalidTasks` names the first row and feature that is NaN or infinite.
    """
    if x.ndim < 1 or len(x) == 0 or not x.is_floating_point():
        raise InvalidTasks(f"expected rows of floats (n, ...), got {x.dtype} {tuple(x.shape)}")
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        row, *feature = bad[0].tolist()
        where = ", ".join(map(str, feature)) or "the only one"
        raise InvalidTasks(
            f"row {row} is {float(x[tuple(bad[0])])} in feature {where} ({len(bad)} entries are not finite): "
            "leave such rows out, or fill the gaps, before scaling"
        )
    x = x / divisor(x)
    centred = x - x.mean(dim=0)
    deviation = centred.square().mean(dim=0).sqrt()
    # A constant feature's deviation is what rounding left of it, not a scale.
    real = deviation > x.abs().amax(dim=0) * 8 * torch.finfo(x.dtype).eps
    return torch.where(real, centred / torch.where(real, deviation, 1.0), 0.0)
