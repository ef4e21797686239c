"""Optimisers of torch.optim as the pure steps that they take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from metainfl.errors import InvalidRecipe
from metainfl.training.optimisers import SGD, Adam, AdamW, Optimiser


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
