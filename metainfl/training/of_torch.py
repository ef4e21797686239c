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


def state_of_torch(
    optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor], lam: Tensor
) -> State | None:
    """Where a loop stands that has taken steps already, lam (p,) being its parameters; None before the first.

    SGD does not count its steps: with a momentum it has taken one, or more, which comes to the same.
    """
    own = [optimiser.state.get(p) or {} for p in parameters]
    names = ("momentum_buffer",) if isinstance(optimiser, torch.optim.SGD) else ADAM
    carries = [all(isinstance(s.get(n), Tensor) for n in names) for s in own]
    if not any(carries):
        return None
    counts = {int(s.get("step", 1)) if there else 0 for s, there in zip(own, carries, strict=True)}
    if len(counts) > 1:
        raise InvalidRecipe(
            f"the optimiser took {min(counts)} steps with some parameters and {max(counts)} with others: "
            "make the recorder before it, or give those that were frozen an optimiser of their own"
        )
    moments = (
        torch.cat([s[n].detach().reshape(-1) for s in own]).to(lam, copy=True) for n in names
    )
    return State(lam, tuple(moments), counts.pop())
