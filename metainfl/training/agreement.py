"""Whether a run gives a recorded loop back, to rounding.

Every step is taken again from the recorded parameters, the moments being the replay's own. A gradient is
known to rounding only, say to d = ROUNDED eps max |g| in each coordinate. Where Adam divides by a second
moment of that size (a bias before a batch normalisation has a gradient of exactly zero, and in floating point
of rounding alone), that decides where the step goes; so two shadows of the replay take every gradient d too
high and d too low, and what lies between them is not held against the loop. Of a coordinate whose gradient
is not rounding they differ by about d of the step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import NotReplayed
from metainfl.training.recorded import differs
from metainfl.training.run import Run
from metainfl.training.state import State

#: rounding of one step, in units of eps and relative to the step: sums over a batch cancel some digits
DIGITS = 1e4
#: rounding of a gradient, in units of eps and of its largest coordinate
ROUNDED = 1e2


def require_same(run: Run, states: Sequence[Tensor], rate: torch.dtype | None) -> Tensor:
    """Which parameters end elsewhere, as only rounding decided their way (p,); `NotReplayed` where a step, or
    the end, differs from the recorded `states` otherwise. `rate` is the dtype of a rate that is a tensor.
    """
    program, eps = run.program, torch.finfo(run.lam.dtype).eps
    state = program.start
    shadows = [state, state]
    free, way = torch.zeros_like(state.lam), torch.zeros_like(state.lam)
    for t, recorded in enumerate(states[1:]):
        want = recorded.to(state.lam)
        g, at = program.gradient(t, state.lam)[1], program.rates[t]
        after, d = program.update(state, g, at), ROUNDED * eps * g.abs().max()
        shadows = [program.update(s, g + e, at) for s, e in zip(shadows, (d, -d), strict=True)]
        slack = torch.stack([(s.lam - after.lam).abs() for s in shadows]).amax(0)
        excess = ((after.lam - want).abs() - slack).clamp(min=0)
        moved, gap = (want - state.lam).norm(), excess.norm()
        if not gap <= DIGITS * eps * moved + 8 * eps * want.norm():
            raise differs(t, gap, moved, DIGITS * eps, rate, run.lam.dtype)
        free, way = free + slack, way + (want - state.lam).abs()
        state = State(want, after.moments, after.steps)
        shadows = [State(want, s.moments, s.steps) for s in shadows]
    apart = (run.lam - state.lam).abs()
    gap = (apart - free).clamp(min=0).norm()
    moved = (state.lam - program.start.lam).norm()
    # a loop that does not move, at a rate of 0 say, is replayed exactly
    drift = float(gap / moved) if gap > 0 else 0.0
    if not drift <= eps**0.5:
        raise NotReplayed(
            f"every step is the recipe's, but rounding grew to {drift:.2g} of the whole way over "
            f"{len(states) - 1} steps: the run is too rough to be replayed in {run.lam.dtype}; record "
            "it in float64, or a shorter phase of it",
            step=len(states) - 2,
            gap=drift,
        )
    return apart > eps**0.5 * way + 8 * eps * state.lam.abs()
