"""What stands in for instances of weight 0: a loss that is infinite on padding times 0 would be NaN."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.problem import TaskView

OTHER = {"support": "query", "query": "support"}


def without_padding(view: TaskView) -> TaskView:
    """Instances of weight 0 replaced by one of their task that counts: values and derivatives of what
    counts stay as they are. Where none of that side counts, one of the other side's stands there; where
    none of the task does, ones do, with targets 0.
    """
    new = {}
    for side in OTHER:
        dead = getattr(view, f"{side}_weight") == 0
        if not dead.any():
            continue
        own = torch.arange(dead.shape[1], device=dead.device).expand_as(dead)
        source = torch.where(dead, _first(~dead), own)
        rows = torch.arange(len(dead), device=dead.device)[:, None]
        void = dead.all(1)
        for name, last in (("x", 1), ("y", 0)):
            found = getattr(view, f"{side}_{name}")[rows, source]
            if void.any():
                found[void] = _elsewhere(view, OTHER[side], name, last)[void].to(found)
            new[f"{side}_{name}"] = found
    return view._replace(**new) if new else view


def _elsewhere(view: TaskView, side: str, name: str, last: int) -> Tensor:
    """The first of each task that counts on the other side (T, 1, ...), or `last` all over."""
    weights, given = getattr(view, f"{side}_weight"), getattr(view, f"{side}_{name}")
    if not weights.shape[1]:
        return given.new_full((len(given), 1, *given.shape[2:]), last)
    live = weights != 0
    found = given[torch.arange(len(live), device=live.device)[:, None], _first(live)]
    none = ~live.any(1).reshape(-1, *[1] * (found.ndim - 1))
    return found.masked_fill(none, last)


def _first(live: Tensor) -> Tensor:
    """The place (T, 1) of the first that is true; 0 where none is."""
    return live.to(torch.int8).argmax(1, keepdim=True)
