"""What makes a run deterministic: optimiser, rates, batches. All of it is given, none of it drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from metainfl_reference.errors import InvalidProblem

Optimiser = Literal["sgd", "adam"]


@dataclass(frozen=True)
class Recipe:
    """An optimiser, one rate a step, and the tasks of each step's batch.

    `batches`         one tuple of task indices a step; an index named twice counts twice. A last
                      batch may be shorter.
    `rates`           one learning rate a step.
    `momentum`, `nesterov`   for "sgd"; 0 is plain gradient descent. `dampening` is what the buffer
                      leaves out of every gradient but the first: b' = momentum b + (1 - dampening) g.
    `betas`, `eps`    for "adam"; the step divides by sqrt(v) + eps, or by sqrt(v + eps) with
                      `eps_inside_root`, v bias-corrected.
    `clip`            the largest norm of g_t; weight decay comes after it. None: no clipping.
    `reduction`       "mean" divides a batch's loss by its number of indices, "sum" does not.
    `weight_decay`    added to the gradient (coupled), or taken off lam as rate * weight_decay * lam
                      (`decoupled`: AdamW). The family's own d_out is part of g_t either way.
    """

    batches: tuple[tuple[int, ...], ...]
    rates: tuple[float, ...]
    optimiser: Optimiser = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    eps_inside_root: bool = False
    weight_decay: float = 0.0
    decoupled: bool = False
    clip: float | None = None
    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        batches = tuple(tuple(int(i) for i in b) for b in self.batches)
        if self.optimiser not in ("sgd", "adam"):
            raise InvalidProblem(f"unknown optimiser {self.optimiser!r}; known: sgd, adam")
        if () in batches:
            raise InvalidProblem(f"the batch of step {batches.index(())} is empty: no mean exists")
        rates = np.asarray(self.rates, float)
        if rates.shape != (len(batches),):
            raise InvalidProblem(
                f"rates have shape {rates.shape} for {len(batches)} steps; give one a step, a tuple"
            )
        b1, b2 = self.betas
        bad = [
            ("rates", not np.all(np.isfinite(rates))),
            ("momentum", not 0 <= self.momentum < 1),
            ("dampening", not 0 <= self.dampening < 1),
            ("betas", not (0 <= b1 < 1 and 0 <= b2 < 1)),
            ("eps", not (np.isfinite(self.eps) and self.eps > 0)),
            ("clip", self.clip is not None and not (np.isfinite(self.clip) and self.clip > 0)),
            ("reduction", self.reduction not in ("mean", "sum")),
            ("weight_decay", not (np.isfinite(self.weight_decay) and self.weight_decay >= 0)),
        ]
        for name, wrong in bad:
            if wrong:
                raise InvalidProblem(
                    f"{name} = {getattr(self, name)}: rates are finite, momentum, dampening and betas in "
                    "[0, 1), eps positive (it is what a second moment of zero is divided by), weight decay "
                    "not negative, clip positive or None, reduction 'mean' or 'sum'"
                )
        if self.nesterov and (self.optimiser != "sgd" or self.momentum == 0):
            raise InvalidProblem("nesterov needs optimiser 'sgd' with momentum above 0")
        if self.dampening and (self.optimiser != "sgd" or self.momentum == 0 or self.nesterov):
            raise InvalidProblem("dampening needs optimiser 'sgd' with momentum, without nesterov")
        object.__setattr__(self, "batches", batches)
        object.__setattr__(self, "rates", tuple(float(r) for r in rates))

    @property
    def steps(self) -> int:
        """S."""
        return len(self.batches)
