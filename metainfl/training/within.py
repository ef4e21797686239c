"""Where a step may end whose gradients, this one and those before it, are known to +-d in each coordinate.

SGD's step is linear in them: it ends between the steps with all of them d higher and d lower. Adam's m lies
between those steps' too, and its v between those of the gradients d larger and d smaller in size; then
|m| <= K |v|^(1/2), whatever the gradients were (Cauchy and Schwarz), bounds the move where v may be 0:
a parameter whose gradients are rounding alone may go anywhere within it.
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from metainfl.training.groups import parts
from metainfl.training.optimisers import Adam
from metainfl.training.program import Program
from metainfl.training.state import State


class Within:
    """Four states beside a replay's: gradients d higher, lower, larger and smaller in size."""

    def __init__(self, program: Program, beside: tuple[State, ...] | None = None) -> None:
        self.program, self.beside = program, beside or (program.start,) * 4

    def step(self, t: int, g: Tensor, d: Tensor) -> Self:
        """After step t, whose gradient is g +- d, both (p,)."""
        lam, read = self.beside[0].lam, g.clone()  # what v holds the square of
        for at, own, _ in parts(self.program.recipe.optimiser, lam):
            if not getattr(own, "decoupled", False):
                read[at] += getattr(own, "weight_decay", 0.0) * lam[at]
        away = torch.where(read < 0, -d, d)
        nearer = torch.where(read < 0, 1.0, -1.0) * torch.minimum(read.abs(), d)
        moved = zip(self.beside, (d, -d, away, nearer), strict=True)
        rate = self.program.rates[t]
        return type(self)(
            self.program, tuple(self.program.update(s, g + e, rate) for s, e in moved)
        )

    def slack(self, t: int, before: State, after: State) -> Tensor:
        """The most that step t, from `before` to `after`, may end elsewhere in each coordinate (p,)."""
        high, low, large, small = self.beside
        ends = [high.lam, low.lam]
        found = torch.stack([(end - after.lam).abs() for end in ends]).amax(0)
        for at, own, rate in parts(self.program.recipe.optimiser, found, self.program.rates[t]):
            if not isinstance(own, Adam):
                continue
            first, second = (m[at] for m in after.moments)
            kept = after.lam[at] + own.move(first, second, rate, before.steps)  # lam, decayed
            most = abs(rate) * _most(own, before.steps)
            for m in (high.moments[0], low.moments[0]):
                for v in (large.moments[1], small.moments[1]):
                    moved = own.move(m[at], v[at], rate, before.steps).clamp(-most, most)
                    gap = (kept - moved - after.lam[at]).abs()
                    found[at] = torch.maximum(found[at], gap)
        return found

    def at(self, lam: Tensor) -> Self:
        """The same, at the parameters that the loop had."""
        return type(self)(self.program, tuple(State(lam, s.moments, s.steps) for s in self.beside))


def _most(own: Adam, count: int) -> float:
    """The largest |m/(1 - beta1^n)| / (v/(1 - beta2^n))^(1/2) of any n = count + 1 gradients."""
    b1, b2, n = own.beta1, own.beta2, count + 1
    if not b2:
        return 1.0 if n == 1 or not b1 else math.inf
    ratio = b1 * b1 / b2
    terms = float(n) if ratio == 1 else (1 - ratio**n) / (1 - ratio)
    square = (1 - b1) ** 2 / (1 - b2) * terms * (1 - b2**n) / (1 - b1**n) ** 2
    return math.sqrt(square)
