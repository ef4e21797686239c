"""Optimisers of torch.optim as the pure steps that they take, and what they carry from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.training.groups import Group, Groups, joined
from metainfl.training.optimisers import SGD, Adam, AdamW, Optimiser
from metainfl.training.state import State

#: what Adam keeps of each parameter
ADAM = ("exp_avg", "exp_avg_sq")


def of_torch(optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> Optimiser:
    """The pure step that an optimiser of `torch.optim` takes with these; raises `InvalidRecipe` for others.

    Parameter groups are `Groups`, whose rates are told from those of the steps (`in_proportion`).
    """
    owner = {id(p): k for k, g in enumerate(optimiser.param_groups) for p in g["params"]}
    used = sorted({owner[id(p)] for p in parameters})
    made = [_of_group(type(optimiser), optimiser.param_groups[k]) for k in used]
    runs = joined((used.index(owner[id(p)]), p.numel()) for p in parameters if p.numel())
    if len(made) == 1:
        return made[0]
    return Groups(tuple(Group(m) for m in made), runs)


def rates_of(optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> list[Any]:
    """The rate of each group that has one of these, as the optimiser holds it."""
    mine = {id(p) for p in parameters}
    return [g["lr"] for g in optimiser.param_groups if any(id(p) in mine for p in g["params"])]


def in_proportion(
    optimiser: Optimiser, rates: Sequence[tuple[float, ...]], eps: float
) -> tuple[Optimiser, list[float]]:
    """The optimiser with the groups' rates in proportion to the largest, and that one of each step.

    Raises `InvalidRecipe` where the proportion changes on the way, beyond what a schedule rounds that makes
    each rate of the one before: `eps` of the largest, a few times a step.
    """
    base = [max(of, key=abs) for of in rates]
    if not isinstance(optimiser, Groups):
        return optimiser, base
    first = next((of for of in rates if any(of)), rates[0])
    factors = [rate / (max(first, key=abs) or 1.0) for rate in first]
    allowed = 4 * eps * len(rates) * max(map(abs, base))
    for t, (of, largest) in enumerate(zip(rates, base, strict=True)):
        gap = max(abs(r - largest * f) for r, f in zip(of, factors, strict=True))
        if gap > allowed:
            raise InvalidRecipe(
                f"the rates of the parameter groups are {of} at step {t}, in another proportion than "
                f"{first} before: not recorded; give all groups one schedule, or each phase an optimiser and "
                "a recorder of its own"
            )
    members = [replace(m, rate=f) for m, f in zip(optimiser.members, factors, strict=True)]
    if all(m == members[0] for m in members):
        return members[0].optimiser, base
    return replace(optimiser, members=tuple(members)), base


def _of_group(kind: type, g: dict[str, Any]) -> SGD | Adam:
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
    if not of_torch(optimiser, parameters).n_moments:
        return None  # a momentum that was set to 0: torch keeps it, and reads it not
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
