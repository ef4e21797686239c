"""The game of a k-nearest-neighbour classifier, whose values have closed forms.

    v(S) = (1/k) #{i among the k nearest of S : y_i = y}          one entry a target
The survey prints a minus sign in front (003, eq. 25); its eq. 26 belongs to the plus. Subsets smaller
than k divide by k all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.errors import InvalidOption, NotFinite
from metainfl.games.game import Array, Masks
from metainfl.games.samplers import Orders
from metainfl.games.utility import Utility


def sorted_matches(
    features: Any, labels: Any, target_features: Any, target_labels: Any, k: int
) -> tuple[Orders, Masks]:
    """Order (targets, n) by Euclidean distance, nearest first, and [y_i = y] in that order.

    Equal distances keep the order of the data. Features are (n, d) and (targets, d), labels (n,) and
    (targets,), of any kind that can be compared.
    """
    x, z = np.asarray(features, dtype=float), np.asarray(target_features, dtype=float)
    y, yz = np.asarray(labels), np.asarray(target_labels)
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1] or not len(x) or not len(z):
        raise InvalidOption(
            f"features are (n, d) and (targets, d) of one d; got {x.shape} and {z.shape}"
        )
    if y.shape != x.shape[:1] or yz.shape != z.shape[:1]:
        raise InvalidOption(
            f"labels are one a row: {x.shape[:1]} and {z.shape[:1]}; got {y.shape}, {yz.shape}"
        )
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InvalidOption(f"k is a whole number from 1, got {k!r}")
    if not (np.isfinite(x).all() and np.isfinite(z).all()):
        raise NotFinite("a feature is not finite: no distance, no neighbours", quantity="features")
    far = np.stack([np.linalg.norm(x - t, axis=1) for t in z])
    order = np.argsort(far, axis=1, kind="stable")
    return order, y[order] == yz[:, None]


def neighbours(
    features: Any, labels: Any, target_features: Any, target_labels: Any, k: int, **options: Any
) -> Utility:
    """The game of n instances, one entry a target; `options` are those of `Utility`."""
    order, match = sorted_matches(features, labels, target_features, target_labels, k)
    return Utility(_Neighbours(order, match, k), order.shape[1], **options)


class _Neighbours:
    def __init__(self, order: Orders, match: Masks, k: int) -> None:
        self.order, self.match, self.k = order, match, k

    def __call__(self, mask: Masks) -> Array:
        """The share of k that are among the nearest of S and match (targets,)."""
        there = mask[self.order]
        near = there & (np.cumsum(there, axis=1) <= self.k)
        share: Array = (near & self.match).sum(axis=1) / self.k
        return share
