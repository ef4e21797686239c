"""Whether a run gives a recorded loop back, to rounding.

Every step is taken again from the recorded parameters, the moments being the replay's own. A gradient is
known to rounding only, to d in each coordinate, and d is measured: it is `DEVIATIONS` times what the
gradient's coordinates do at most, layer by layer, when every parameter moves by some eps of itself, as a sum
of n terms loses some sqrt(n) eps (n numbers in the batch's inputs, or n parameters: no sum in a step is
longer). But none moves by more than `KINKS`: a larger move, which is what single precision would make of long
sums, crosses kinks of ReLU and of pooling that no rounding crosses, and d would allow for any loop. How far a
network magnifies rounding is in d, and is known in no other way. A kink that rounding does cross, in one step
of many, is looked for where a step differs, in `MORE` ways.
Where Adam divides by a second moment of that size (a bias before a batch normalisation has a gradient of
exactly zero, and in floating point of rounding alone), d decides where the step goes; what it can reach so
(`within`) is not held against the loop. A step that d decides for the most part is told from no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from metainfl.errors import NotReplayed
from metainfl.problem.tasks import Tasks
from metainfl.training.program import Program
from metainfl.training.recorded import differs, undecided
from metainfl.training.run import Run
from metainfl.training.state import State
from metainfl.training.within import Within

#: standard deviations of rounding, which is taken as a random walk: beyond four lies one in 10,000
DEVIATIONS = 4
#: ways in which the parameters are moved: one alone may round as the step did
DRAWS, MORE = 4, 32
#: the largest share of itself that a parameter is moved by: the loss of some operations in single precision
KINKS = 4 * torch.finfo(torch.float32).eps
#: coordinates whose largest says how large rounding is among them
FEW = 64
#: a step further away than this share of its length crossed no kink
NEAR = 0.1
#: operations of an update between gradient and parameters, each of which rounds once
OPERATIONS = 16


def require_same(run: Run, states: Sequence[Tensor], rate: torch.dtype | None) -> Tensor:
    """Which parameters end elsewhere, as only rounding decided their way (p,); `NotReplayed` where a step, or
    the end, differs from the recorded `states` otherwise. `rate` is the dtype of a rate that is a tensor.
    """
    program, eps = run.program, torch.finfo(run.lam.dtype).eps
    state, within = program.start, Within(program)
    free, way = torch.zeros_like(state.lam), torch.zeros_like(state.lam)
    for t, recorded in enumerate(states[1:]):
        want = recorded.to(state.lam)
        g = program.gradient(t, state.lam)[1]
        after, moved = program.update(state, g, program.rates[t]), want - state.lam
        most = OPERATIONS * eps * (moved.norm() + want.norm())
        for d in _rounding(program, t, state.lam, g):
            beside = within.step(t, g, d)
            slack = beside.slack(t, state, after)
            gap = ((after.lam - want).abs() - slack).clamp(min=0).norm()
            if gap <= most or not gap <= NEAR * moved.norm():
                break
        if not gap <= most:
            raise differs(t, gap, moved.norm(), rate, run.lam.dtype)
        if moved[slack > moved.abs()].norm() > 0.5**0.5 * moved.norm():
            raise undecided(t, run.lam.dtype)
        free, way = free + slack, way + moved.abs()
        state, within = State(want, after.moments, after.steps), beside.at(want)
    apart = (run.lam - state.lam).abs()
    gap = (apart - free).clamp(min=0).norm()
    way_of_all = (state.lam - program.start.lam).norm()
    # a loop that does not move, at a rate of 0 say, is replayed exactly
    drift = float(gap / way_of_all) if gap > 0 else 0.0
    if not drift <= eps**0.5:
        raise NotReplayed(
            f"every step is the recipe's, but rounding grew to {drift:.2g} of the whole way over "
            f"{len(states) - 1} steps: the run is too rough to be replayed in {run.lam.dtype}; record "
            "it in float64, or a shorter phase of it",
            step=len(states) - 2,
            gap=drift,
        )
    return apart > eps**0.5 * way + OPERATIONS * eps * state.lam.abs()


def _rounding(program: Program, t: int, lam: Tensor, g: Tensor) -> Iterator[Tensor]:
    """d (p,): how far the gradient g (p,) of step t lies from another program's by rounding alone.

    First where no kink is crossed, as in most ways; then where it is in one of `DRAWS`, or of `MORE`.
    """
    n = max(len(lam), sum(_numbers(batch) for _, batch in program.batch(t).groups()))
    share = min(torch.finfo(lam.dtype).eps * math.sqrt(n), KINKS)
    draw, sizes = torch.Generator().manual_seed(t), _sizes(program)
    least, found = share * g.abs().max(), list[Tensor]()

    def whole(each: Tensor) -> Tensor:
        found = DEVIATIONS * torch.maximum(each, least)
        return torch.cat([v.expand(n) for v, n in zip(found, sizes, strict=True)])

    for ways in (DRAWS, MORE):
        for _ in range(ways):
            signs = 2 * torch.randint(0, 2, lam.shape, generator=draw, device="cpu").to(lam) - 1
            gap = (program.gradient(t, lam * (1 + share * signs))[1] - g).abs()
            found.append(torch.stack([part.max() for part in gap.split(sizes)]))
        if ways == DRAWS:
            yield whole(torch.stack(found).median(0).values)
        yield whole(torch.stack(found).amax(0))


def _sizes(program: Program) -> list[int]:
    """Lengths of the parts of lam that are alike: a layer's parameters, or `FEW` and more from several."""
    model = program.problem.setting.model
    own = getattr(model, "shapes", {"": torch.Size([program.problem.n_meta])})
    sizes = [0]
    for shape in own.values():
        if sizes[-1] >= FEW:
            sizes.append(0)
        sizes[-1] += shape.numel()
    if len(sizes) > 1 and sizes[-1] < FEW:
        sizes[-2:] = [sum(sizes[-2:])]
    return sizes if sum(sizes) == program.problem.n_meta else [program.problem.n_meta]


def _numbers(batch: Tasks) -> int:
    """In the inputs of the larger side of all tasks."""
    return max(batch.support_x.numel(), batch.query_x.numel())
