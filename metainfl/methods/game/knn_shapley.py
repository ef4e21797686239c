"""k-NN Shapley (003, eq. 26; Jia et al. 2019): the Shapley value of a nearest-neighbour classifier.

    phi_n = [y_n = y] min(k, n)/(k n),   phi_i = phi_{i+1} + ([y_i = y] - [y_{i+1} = y])/k min(k, i)/i
with instances by distance, i = 1 nearest. Estimand: the Shapley value of `metainfl.games.neighbours`, the
positive one: eq. 25 prints a minus. Eq. 26's first term 1/n is min(k, n)/(k n) where n >= k. A neighbour of
another class may lower v, and then has a negative value, and a matching one adds 1/k to v, not 1, as the
text under eq. 25 says. Sign: positive = the data helped. Scale: a share of correct votes.
Cost: O(n log n) a target, no training.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl.games.estimate import Estimate
from metainfl.games.neighbours import sorted_matches


def knn_shapley(
    features: Any, labels: Any, target_features: Any, target_labels: Any, k: int
) -> Estimate:
    """Phi (n, targets), exact. Features (n, d) and (targets, d), labels one a row.

    Equal distances keep the order of the data.
    """
    order, match = sorted_matches(features, labels, target_features, target_labels, k)
    targets, n = order.shape
    place = np.arange(1, n)
    hit = match.astype(float)
    steps = (hit[:, :-1] - hit[:, 1:]) / k * np.minimum(k, place) / place
    last = hit[:, -1:] * min(k, n) / (k * n)
    ranked = np.concatenate([last, steps[:, ::-1]], axis=1).cumsum(axis=1)[:, ::-1]
    phi = np.empty((n, targets))
    phi[order, np.arange(targets)[:, None]] = ranked
    players = tuple((i,) for i in range(n))
    return Estimate(phi, np.zeros_like(phi), players, 0, 0, 0, "enumerated")
