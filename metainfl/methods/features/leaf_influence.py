"""LeafInfluence (Sharchilev et al. 2018; 003, section 5.1.1.3): LeafRefit's derivative in the weight.

    value[i, t] = d L_t/d w_i,      the structure of the trees fixed, through all rounds and f_0
Estimand: that, exactly (by reverse differentiation of the rounds). Minus w_i value[i] is LeafRefit to first
order. Sign: negative = the data helped. Scale: that of the loss. Cost: one pass back a target, whatever the
number of data.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.func import jacrev

from metainfl.methods.features.boosted import Boosted


def leaf_influence(boosted: Boosted, x: Any, y: Any) -> Tensor:
    """Derivatives at targets x (m, d), y (m,): (n, m)."""
    at, target = boosted.asked(x, y)
    rows: Tensor = jacrev(lambda w: boosted.loss(boosted.raw(w, at), target))(boosted.w)
    return rows.T.detach()
