"""TREX (Brophy et al. 2023; 003, section 5.1.2.3, TRES there): representers of a surrogate on a tree kernel.

    K(a, b) = sum_r [leaf_r(a) = leaf_r(b)] / |leaf_r|,     g(x_t) = sum_i alpha_i K(x_i, x_t)
    alpha = (K + reg I)^{-1} (f - f_0)                      kernel ridge on the model's own raw outputs
    part_i(x_t) = alpha_i K(x_i, x_t)
Estimand: a decomposition of the surrogate's prediction: the parts add up to it, exactly. How far the
surrogate is from the model is measured, `gap`. |leaf_r| counts training rows. Sign: positive raises f.
Scale: that of raw outputs. Cost: n^2 comparisons a round and a solve of size n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.features.boosted import Boosted


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts (n, m), the start f_0 that is no part, and `gap`: |surrogate - model| over |model - f_0| (m)."""

    value: Tensor
    start: float
    gap: float


def trex(boosted: Boosted, x: Any, *, reg: float = 1e-3) -> Parts:
    """Each training row's part of the surrogate's raw output at x (m, d), less f_0."""
    if not reg > 0:
        raise InvalidOption(f"reg must be positive, got {reg}: equal rows make K singular")
    own, at = boosted.leaves, boosted.leaf(x)
    f_0 = boosted.start(boosted.w)
    wanted = boosted.raw(boosted.w, own) - f_0
    k = tree_kernel(own, own)
    eye = torch.eye(len(k), dtype=k.dtype, device="cpu")
    alpha = torch.linalg.solve(k + reg * eye, wanted[:, None])
    parts = alpha * tree_kernel(own, at)
    there = boosted.raw(boosted.w, at) - f_0
    gap = float((parts.sum(0) - there).norm() / there.norm().clamp(min=1e-300))
    return Parts(parts, float(f_0), gap)


def tree_kernel(own: Tensor, at: Tensor) -> Tensor:
    """K of training leaves (n, rounds) and others (m, rounds): (n, m)."""
    k = torch.zeros(len(own), len(at), dtype=torch.float64, device="cpu")
    for leaf, there in zip(own.T, at.T, strict=True):
        size = (
            (leaf[:, None] == leaf).sum(1, keepdim=True).double()
        )  # an integer would give float32
        k += (leaf[:, None] == there) / size
    return k
