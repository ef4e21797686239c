"""The state of a training run between two steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.problem.dense import dense
from metainfl.problem.given import said
from metainfl.training.given import whole
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
    if not isinstance(start, State):
        run = hasattr(start, "program") and hasattr(start, "state")
        way = (
            "start=run.state goes on from a run, start=run.lam" if run else "torch.as_tensor(start)"
        )
        raise InvalidRecipe(
            f"start is a tensor ({n_meta},) or a State, got {said(start)}: {way} would do"
        )
    moments = start.moments
    if not moments and not start.steps and isinstance(start.lam, Tensor):
        moments = (torch.zeros_like(start.lam),) * optimiser.n_moments
    for name, t in [("lam", start.lam), *((f"moment {i}", m) for i, m in enumerate(moments))]:
        if not isinstance(t, Tensor) or t.is_complex():
            kind = t.dtype if isinstance(t, Tensor) else said(t)
            raise InvalidRecipe(f"{name} of the start must be a real tensor, got {kind}")
        dense(f"{name} of the start", t, InvalidRecipe)
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
    lam, *rest = (t.detach().to(like, copy=True) for t in (start.lam, *moments))
    return State(lam, tuple(rest), whole(start.steps, "steps of the start", 0))
