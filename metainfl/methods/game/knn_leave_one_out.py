"""k-NN leave-one-out (003, section 4.1.3; Jia et al. 2021, Lemma 1): removal from the nearest neighbours.

    phi_i = ([y_i = y] - [y_{k+1} = y])/k   if i is among the k nearest, 0 otherwise
where y_{k+1} is the label of the one that moves up; 0 in its place if there is none. Estimand: leave-one-out
of `metainfl.games.neighbours`. Sign: positive = the data helped. Scale: a share of correct votes.
Cost: O(n log n) a target, no training.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.games.estimate import Estimate
from metainfl.games.neighbours import sorted_matches


def knn_leave_one_out(
    features: Any, labels: Any, target_features: Any, target_labels: Any, k: int
) -> Estimate:
    """Phi (n, targets), exact. Features (n, d) and (targets, d), labels one a row."""
    order, match = sorted_matches(features, labels, target_features, target_labels, k)
    targets, n = order.shape
    hit = match.astype(float)
    next_up = hit[:, k : k + 1] if n > k else np.zeros((targets, 1))
    ranked = np.where(np.arange(n) < k, (hit - next_up) / k, 0.0)
    phi = np.empty((n, targets))
    phi[order, np.arange(targets)[:, None]] = ranked
    players = tuple((i,) for i in range(n))
    return Estimate(phi, np.zeros_like(phi), players, 0, 0, 0, "enumerated")
