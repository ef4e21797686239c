"""Whether a run gives a recorded loop back, to rounding.

Every step is taken again from the recorded parameters, the moments being the replay's own. A gradient is
known to rounding only, to d in each coordinate, and d is measured: a sum of n terms loses some sqrt(n) eps
(n numbers in the batch's inputs, or n parameters: no sum in a step is longer), as much as it would if the
parameters moved by that share of themselves; d is `DEVIATIONS` times what the gradient's coordinates do then
at most. How far a network magnifies rounding is in it, and is known in no other way.
Where Adam divides by a second moment of that size (a bias before a batch normalisation has a gradient of
exactly zero, and in floating point of rounding alone), d decides where the step goes; so two shadows of the
replay take every gradient d too high and d too low, and what lies between them is not held against the loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import NotReplayed
from metainfl.problem.tasks import Tasks
from metainfl.training.program import Program
from metainfl.training.recorded import differs
from metainfl.training.run import Run
from metainfl.training.state import State

#: standard deviations of rounding, which is taken as a random walk: beyond four lies one in 10,000
DEVIATIONS = 4
#: ways in which the parameters are moved: one alone may round as the step did
DRAWS = 4
#: operations of an update between gradient and parameters, each of which rounds once
OPERATIONS = 16


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
        after, d = program.update(state, g, at), _rounding(program, t, state.lam, g)
        shadows = [program.update(s, g + e, at) for s, e in zip(shadows, (d, -d), strict=True)]
        slack = torch.stack([(s.lam - after.lam).abs() for s in shadows]).amax(0)
        excess = ((after.lam - want).abs() - slack).clamp(min=0)
        moved, gap = (want - state.lam).norm(), excess.norm()
        if not gap <= OPERATIONS * eps * (moved + want.norm()):
            raise differs(t, gap, moved, rate, run.lam.dtype)
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
    return apart > eps**0.5 * way + OPERATIONS * eps * state.lam.abs()


def _rounding(program: Program, t: int, lam: Tensor, g: Tensor) -> Tensor:
    """d, a scalar: how far the gradient g (p,) of step t lies from another program's by rounding alone."""
    n = max(len(lam), sum(_numbers(batch) for _, batch in program.batch(t).groups()))
    share = torch.finfo(lam.dtype).eps * math.sqrt(n)
    draw, worst = torch.Generator().manual_seed(t), share * g.abs().max()
    for _ in range(DRAWS):
        signs = 2 * torch.randint(0, 2, lam.shape, generator=draw, device="cpu").to(lam) - 1
        moved = program.gradient(t, lam * (1 + share * signs))[1]
        worst = torch.maximum(worst, (moved - g).abs().max())
    return DEVIATIONS * worst


def _numbers(batch: Tasks) -> int:
    """In the inputs of the larger side of all tasks."""
    return max(batch.support_x.numel(), batch.query_x.numel())
