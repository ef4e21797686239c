"""Optimisers of torch.optim as the pure steps that they take, and what they carry from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.training.optimisers import SGD, Adam, AdamW, Optimiser
from metainfl.training.state import State

#: what Adam keeps of each parameter
ADAM = ("exp_avg", "exp_avg_sq")


def of_torch(optimiser: torch.optim.Optimizer) -> Optimiser:
    """The pure step that an optimiser of `torch.optim` takes; raises `InvalidRecipe` for others."""
    made = [_of_group(type(optimiser), g) for g in optimiser.param_groups]
    if any(m != made[0] for m in made):
        raise InvalidRecipe("parameter groups with different options are not recorded")
    return made[0]


def _of_group(kind: type, g: dict[str, Any]) -> Optimiser:
    if kind not in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        raise InvalidRecipe(
            f"{kind.__name__} is not recorded; known: torch.optim's SGD, Adam, AdamW"
        )
    for name in ("amsgrad", "maximize"):
        if g.get(name):
            raise InvalidRecipe(
                f"{name} is not recorded; known are plain SGD, Adam and AdamW steps"
            )
    decay = float(g["weight_decay"])
    if kind is torch.optim.SGD:
        return SGD(float(g["momentum"]), float(g["dampening"]), bool(g["nesterov"]), decay)
    b1, b2 = (float(b) for b in g["betas"])
    own = (AdamW if kind is torch.optim.AdamW else Adam)(
        b1, b2, float(g["eps"]), weight_decay=decay
    )
    decoupled = bool(g.get("decoupled_weight_decay", kind is torch.optim.AdamW))
    return replace(own, decoupled=decoupled)


def carries(optimiser: torch.optim.Optimizer, parameter: Tensor) -> bool:
    """Whether the optimiser carries something of a parameter: it took a step with it (plain SGD never)."""
    own = optimiser.state.get(parameter) or {}
    return all(isinstance(own.get(n), Tensor) for n in _names(optimiser))


def state_of_torch(
    optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor], lam: Tensor
) -> State | None:
    """Where a loop stands that has taken steps already, lam (p,) being its parameters; None before the first.

    SGD does not count its steps: with a momentum it has taken one, or more, which comes to the same. What it
    carries of a parameter that never had a gradient is 0, as it is in a run from the loop's start.
    """
    if not of_torch(
        optimiser
    ).n_moments:  # a momentum that was set to 0: torch keeps it, and reads it not
        return None
    own = [optimiser.state[p] if carries(optimiser, p) else None for p in parameters]
    counts = {int(s.get("step", 1)) for s in own if s is not None}
    if not counts:
        return None
    if len(counts) > 1:
        raise joined_later(min(counts), max(counts))
    moments = (
        torch.cat(
            [
                torch.zeros_like(p).reshape(-1) if s is None else s[n].detach().reshape(-1)
                for p, s in zip(parameters, own, strict=True)
            ]
        ).to(lam, copy=True)
        for n in _names(optimiser)
    )
    return State(lam, tuple(moments), counts.pop())


def joined_later(fewer: int, more: int) -> InvalidRecipe:
    """The error for parameters with which not as many steps were taken as with others."""
    return InvalidRecipe(
        f"the optimiser took {fewer} steps with some parameters and {more} with others: make the recorder "
        "before it, or give those that were frozen an optimiser of their own"
    )


def _names(optimiser: torch.optim.Optimizer) -> tuple[str, ...]:
    return ("momentum_buffer",) if isinstance(optimiser, torch.optim.SGD) else ADAM
