"""What of a gap between derivatives and differences no kink and no rounding explains.

    excess(h) = ( | rate - (f(h) - f(-h)) / 2h | - allowed(h) )+
    allowed(h) = 2 (max(|f(h) - 2 f(0) + f(-h)|, noise) + rounding) / h
the least over h. The second difference bounds what a kink within h explains, and at the smaller h it is the
noise of whatever precision the code computes in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = (1.0, 0.1)
#: f(h) and f(-h) of one direction, one number a task (T,)
Ends = tuple[Tensor, Tensor]


def unexplained(
    rates: Tensor, here: Tensor, ends: Callable[[float], list[Ends]], base: float, rounding: Tensor
) -> Tensor:
    """The excess above (k, T) for rates (k, T) along k directions, `here` = f(0), h = `base` and less."""
    gaps, seconds = [], []
    for s in STEPS:
        high, low = (torch.stack(side) for side in zip(*ends(s * base), strict=True))
        gaps.append(((high - low) / (2 * s * base) - rates).abs())
        seconds.append((high - 2 * here + low).abs())
    noise = seconds[-1].amax(0)
    allowed = [
        2 * (second.clamp(min=noise) + rounding) / (s * base)
        for s, second in zip(STEPS, seconds, strict=True)
    ]
    return (torch.stack(gaps) - torch.stack(allowed)).clamp(min=0).amin(0)
