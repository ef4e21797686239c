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
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from metainfl.problem.tasks import Tasks
from metainfl.training.program import Program
from metainfl.training.recorded import differs, undecided
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


class Agreement(NamedTuple):
    """Of a loop whose steps are all the recipe's."""

    #: r_t (p,): where each step of the loop ends, less where the recipe's does
    rounding: list[Tensor]
    #: how far a parameter may have gone elsewhere as only rounding decided its way, and how far it went (p,)
    free: Tensor
    way: Tensor

    def apart(self, one: Tensor, other: Tensor) -> float:
        """How far two ends (p,) lie from each other beyond that."""
        return float(((one - other).abs() - self.free).clamp(min=0).norm())

    def drift(self, lam: Tensor, states: Sequence[Tensor]) -> float:
        """How far a replay that ends in lam (p,) is from the loop, as a share of the loop's whole way."""
        first, last = states[0].to(lam), states[-1].to(lam)
        gap = self.apart(lam, last)
        # a loop that does not move, at a rate of 0 say, is replayed exactly
        return gap / float((last - first).norm()) if gap > 0 else 0.0

    def loose(self, lam: Tensor, states: Sequence[Tensor]) -> Tensor:
        """Which parameters end elsewhere (p,)."""
        eps, end = torch.finfo(lam.dtype).eps, states[-1].to(lam)
        return (lam - end).abs() > eps**0.5 * self.way + OPERATIONS * eps * end.abs()


def require_same(
    program: Program,
    states: Sequence[Tensor],
    rate: torch.dtype | None,
    tell: Callable[[int, str], None],
) -> Agreement:
    """`NotReplayed` where a step differs from the recorded `states`; `rate` is the dtype of a rate that is a
    tensor. `tell` is told of each step.
    """
    state, within = program.start, Within(program)
    eps, rounding = torch.finfo(state.lam.dtype).eps, list[Tensor]()
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
            raise differs(t, gap, moved.norm(), rate, want.dtype)
        if moved[slack > moved.abs()].norm() > 0.5**0.5 * moved.norm():
            raise undecided(t, want.dtype)
        free, way = free + slack, way + moved.abs()
        rounding.append(want - after.lam)
        # what a run that adds it comes to: the recorded ones, but for a unit in the last place
        lam = after.lam + rounding[-1]
        state, within = State(lam, after.moments, after.steps), beside.at(lam)
        tell(t + 1, "")
    return Agreement(rounding, free, way)


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
