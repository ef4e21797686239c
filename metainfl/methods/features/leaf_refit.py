"""LeafRefit (Sharchilev et al. 2018; 003, section 4.1.3): removal with the structure of the trees fixed.

    value[i, t] = L_t(leaves fitted without i) - L_t,       every round's values, and f_0, fitted again
Estimand: that, exactly; the removal itself where no split would change. Sign: positive = the data helped.
Scale: that of the loss. Cost: a pass over all rounds a datum.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.features.boosted import Boosted


def leaf_refit(boosted: Boosted, x: Any, y: Any) -> Tensor:
    """Loss after the removal of each training row minus before, at targets x (m, d), y (m,): (n, m).

    Raises `InvalidOption` where a model with a start of its own was fitted to one row: nothing is left.
    """
    if len(boosted.w) == 1 and boosted.model.init is None:
        raise InvalidOption(
            "the model was fitted to one row: without it there is no mean to start from, so it has no "
            "removal; fit to two rows or more, or with init='zero'"
        )
    at, target = boosted.asked(x, y)
    before = boosted.loss(boosted.raw(boosted.w, at), target)
    out = boosted.w.new_empty(len(boosted.w), len(at))
    for i in range(len(boosted.w)):
        w = torch.where(torch.arange(len(boosted.w), device="cpu") == i, 0.0, boosted.w)
        out[i] = boosted.loss(boosted.raw(w, at), target) - before
    return out
