"""BoostIn (Brophy et al. 2023; 003, section 5.2.1.3): TracIn over the rounds of gradient boosting.

    value[i, t] = sum_r L_t'(f_r(x_t)) rate d theta_{r, leaf(x_t)}/d w_i,     f_r before round r, held fixed
    d theta_l/d w_i = [i in l] (r_i - h_i theta_l) / sum_{j in l} w_j h_j
Estimand: as TracIn's, the sum of each round's own effect to first order; how a changed round changes the
residuals of later ones (LeafInfluence has it) is left out, and so is f_0. Exact derivative of the change of
L_t to first order in the rate, for one round. Sign: negative = the data helped (the paper prints minus
this). Scale: that of the loss. Cost: one pass over the rounds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.methods.features.boosted import Boosted


def boost_in(boosted: Boosted, x: Any, y: Any) -> Tensor:
    """Sums over rounds at targets x (m, d), y (m,): (n, m)."""
    at, target = boosted.asked(x, y)
    out = boosted.w.new_zeros(len(boosted.w), len(at))
    for r, (f, there, value, down) in enumerate(boosted.rounds(boosted.w, at)[:-1]):
        leaf, here = boosted.leaves[:, r], at[:, r]
        p = torch.sigmoid(f) if boosted.logistic else f
        h = p * (1 - p) if boosted.logistic else torch.ones_like(f)
        moved = (boosted.y - p - h * value[leaf]) / down[leaf]
        same = leaf[:, None] == here
        out += same * moved[:, None] * boosted.rate * boosted.slope(there, target)
    return out
