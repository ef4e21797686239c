"""The state of a training run between two steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.training.optimisers import Optimiser


class State(NamedTuple):
    """lam (p,), the optimiser's moments (p,) each, and the number of steps taken before."""

    lam: Tensor
    moments: tuple[Tensor, ...] = ()
    steps: int = 0

    def bytes(self) -> int:
        """What keeping it costs."""
        return sum(t.numel() * t.element_size() for t in (self.lam, *self.moments))


def fresh(start: Tensor | State, optimiser: Optimiser, like: Tensor, n_meta: int) -> State:
    """A copy of `start` in the dtype and on the device of `like`; from a lam alone, moments of zero."""
    if isinstance(start, Tensor):
        start = State(start)
    lam = start.lam.detach().to(like, copy=True)
    moments = start.moments
    if not moments and not start.steps:
        moments = (torch.zeros_like(lam),) * optimiser.n_moments
    for name, t in [("lam", lam), *((f"moment {i}", m) for i, m in enumerate(moments))]:
        if t.shape != (n_meta,):
            raise InvalidRecipe(f"{name} of the start must be ({n_meta},), got {tuple(t.shape)}")
        if not torch.isfinite(t).all():
            where = int((~torch.isfinite(t)).nonzero()[0])
            raise InvalidRecipe(f"{name} of the start is not finite at index {where}")
    if len(moments) != optimiser.n_moments:
        raise InvalidRecipe(
            f"the start has {len(moments)} moments, but {type(optimiser).__name__} carries "
            f"{optimiser.n_moments}: start from the lam alone, or use the optimiser it came from"
        )
    return State(lam, tuple(m.detach().to(like, copy=True) for m in moments), int(start.steps))
