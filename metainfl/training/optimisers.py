"""SGD, Adam and AdamW as pure steps, each equal to its namesake in `torch.optim`, differentiable everywhere.

    step(lam, moments, gradient, rate, count) -> (lam, moments)
count is the number of steps taken before. Weight decay is coupled (wd * lam is added to the gradient) or
decoupled (lam shrinks by rate * wd), as `torch.optim` has it. `needs_gradient` says whether the
derivative of a step depends on the gradient's value, or the step is linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.numbers import FINITE, NOT_NEGATIVE, POSITIVE
from metainfl.training.given import number, yes_or_no

Moments = tuple[Tensor, ...]


class Optimiser(Protocol):
    """What a training run asks of an optimiser; any object that has these will do."""

    @property
    def n_moments(self) -> int:
        """Vectors (p,) that it carries from step to step; zero at first."""
        ...

    @property
    def needs_gradient(self) -> bool:
        """Whether the derivative of a step depends on the gradient."""
        ...

    def step(
        self, lam: Tensor, moments: Moments, gradient: Tensor, rate: float, count: int
    ) -> tuple[Tensor, Moments]:
        """One step."""
        ...


@dataclass(frozen=True)
class SGD:
    """b = momentum b + (1 - dampening) g (b = g at the first step);  lam -= rate b.

    Nesterov: lam -= rate (g + momentum b). Momentum 0 is plain gradient descent.
    """

    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        _not_negative(self, "momentum", "weight_decay")
        number(self.dampening, "dampening", FINITE)
        _yes_or_no(self, "nesterov", "decoupled")
        if self.nesterov and not (self.momentum > 0 and self.dampening == 0):
            raise InvalidRecipe("nesterov needs a positive momentum and no dampening")

    @property
    def n_moments(self) -> int:
        """One with momentum, none without."""
        return 1 if self.momentum else 0

    @property
    def needs_gradient(self) -> bool:
        """Never: the step is linear."""
        return False

    def step(
        self, lam: Tensor, moments: Moments, gradient: Tensor, rate: float, count: int
    ) -> tuple[Tensor, Moments]:
        """One step."""
        lam, g = _decayed(lam, gradient, rate, self.weight_decay, self.decoupled)
        if not self.momentum:
            return lam - rate * g, ()
        b = g if count == 0 else self.momentum * moments[0] + (1 - self.dampening) * g
        return lam - rate * (g + self.momentum * b if self.nesterov else b), (b,)


@dataclass(frozen=True)
class Adam:
    """m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  both divided by 1 - beta^(count + 1);

    lam -= rate m / (sqrt(v) + eps), or, with `eps_inside_root`, m / sqrt(v + eps): a larger epsilon
    there makes a run smooth. Where v is exactly zero (a unit that never had a gradient) sqrt has no
    derivative; m is zero with it, so the step g / (c |g| + eps) has one, and it is c' / eps: the root's
    derivative is taken as zero there, which gives just that.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_inside_root: bool = False
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        _not_negative(self, "weight_decay")
        for name in ("beta1", "beta2"):
            number(getattr(self, name), name, ("a number in [0, 1)", lambda v: 0 <= v < 1))
        wish = "positive (at 0 a unit without a gradient divides 0 by 0)", POSITIVE[1]
        number(self.eps, "eps", wish)
        _yes_or_no(self, "eps_inside_root", "decoupled")

    @property
    def n_moments(self) -> int:
        """First and second."""
        return 2

    @property
    def needs_gradient(self) -> bool:
        """Through its square."""
        return True

    def step(
        self, lam: Tensor, moments: Moments, gradient: Tensor, rate: float, count: int
    ) -> tuple[Tensor, Moments]:
        """One step."""
        lam, g = _decayed(lam, gradient, rate, self.weight_decay, self.decoupled)
        m = self.beta1 * moments[0] + (1 - self.beta1) * g
        v = self.beta2 * moments[1] + (1 - self.beta2) * g * g
        return lam - self.move(m, v, rate, count), (m, v)

    def move(self, m: Tensor, v: Tensor, rate: float, count: int) -> Tensor:
        """What these moments, which hold the gradient already, take off lam."""
        short1, short2 = 1 - self.beta1 ** (count + 1), 1 - self.beta2 ** (count + 1)
        if self.eps_inside_root:
            scale = (v / short2 + self.eps).sqrt()
        else:
            seen = v > 0
            root = torch.where(seen, torch.where(seen, v, torch.ones_like(v)).sqrt(), 0.0)
            scale = root / math.sqrt(short2) + self.eps
        return (rate / short1) * m / scale


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default as in `torch.optim`."""

    weight_decay: float = 0.01
    decoupled: bool = True


def clipped(gradient: Tensor, most: float) -> Tensor:
    """g min(1, most / (|g| + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it, and differentiable at 0."""
    size = gradient.square().sum()
    seen = size > 0
    norm = torch.where(seen, torch.where(seen, size, torch.ones_like(size)).sqrt(), 0.0)
    factor = most / (norm + 1e-6)
    return gradient * torch.where(factor < 1, factor, torch.ones_like(factor))


def _decayed(
    lam: Tensor, gradient: Tensor, rate: float, decay: float, decoupled: bool
) -> tuple[Tensor, Tensor]:
    """Parameters and gradient once weight decay has acted on one of them."""
    if not decay:
        return lam, gradient
    return (lam * (1 - rate * decay), gradient) if decoupled else (lam, gradient + decay * lam)


def _not_negative(optimiser: object, *names: str) -> None:
    for name in names:
        number(getattr(optimiser, name), name, NOT_NEGATIVE)


def _yes_or_no(optimiser: object, *names: str) -> None:
    for name in names:
        yes_or_no(getattr(optimiser, name), name)
