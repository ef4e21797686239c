"""FI-active (004, eq. 4.1, Algorithm 2): how much unlabelled data hang on the data that are labelled.

    FI-active(x) = g({ FI(z, z_i) : i labelled }),   z = (x, the label that the model predicts)
g is the mean, a quantile, or the mean without the largest and smallest shares. The most influenced are
labelled first. Estimand: itself (FI by `influence_measure`, corrected: 004's is n^2 times as large, which
changes no rank). Sign: never negative. Cost: FI of all labelled data, once for all unlabelled.

`predicted_ranks`: exact FI-active of a share of the pool, and a random forest for the ranks of the rest
(Algorithm 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Unpack

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How
from metainfl.methods.implicit.influence_measure import RCOND, influenced, measured
from metainfl.methods.implicit.kfsvd import truncated
from metainfl.methods.implicit.predicted_slopes import predicted_slopes
from metainfl.numbers import whole
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks


def fi_active(
    problem: Problem,
    labelled: Sequence[Perturbation],
    pool: Tasks,
    *,
    aggregate: str | float = "mean",
    trim: float = 0.0,
    rcond: float = RCOND,
    rank: int | None = None,
    **how: Unpack[How],
) -> Tensor:
    """FI-active (T, n) of the query instances of the pool's tasks; their labels are not read.

    labelled    query instances of the problem, `metainfl.query(k, j)`
    aggregate   "mean", or a quantile in [0, 1];   trim   share left out at each end before the mean
    rank        singular values kept of each datum's mixed derivative (KFSVD, Algorithm 2); None: all
    `how` as in `influence`. Raises what `influence_measure` raises, `InvalidTasks` where the pool's tasks
    differ in their numbers of query instances, `NotFinite` where a slope is not.
    """
    if not 0 <= trim < 0.5:
        raise InvalidOption(f"trim is a share below a half at each end, got {trim}")
    if aggregate != "mean" and not (isinstance(aggregate, float) and 0 <= aggregate <= 1):
        raise InvalidOption(
            f'aggregate is "mean" or a quantile, a float in [0, 1], got {aggregate!r}'
        )
    if isinstance(aggregate, float) and trim:
        raise InvalidOption(
            f"a quantile is not trimmed: give trim={trim} with aggregate='mean', or no trim"
        )
    slopes = predicted_slopes(problem, pool)
    if rank is not None:
        rank = whole(rank, "rank", 1, error=InvalidOption)
    turn = influenced if rank is None else partial(truncated, rank=rank)
    each = measured(problem, labelled, slopes.flatten(0, 1), rcond, how, turn).sort(dim=0).values
    if isinstance(aggregate, float):
        found = torch.quantile(each, aggregate, dim=0)
    else:
        cut = int(trim * len(each))
        found = each[cut : len(each) - cut].mean(dim=0)
    return found.reshape(slopes.shape[:2])


def predicted_ranks(
    features: np.ndarray, known: np.ndarray, where: Sequence[int], *, seed: int = 0
) -> np.ndarray:
    """Ranks (n,), 0 the largest, from values `known` at the places `where`, learned over features (n, d).

    Those that are known keep their order among themselves: all known, the ranks are exact. Raises
    `InvalidOption` for places that are not rows of features, or twice, and for what is not finite.
    """
    features, known, order = np.asarray(features), np.asarray(known), np.asarray(where)
    if known.shape != order.shape or order.ndim != 1 or not len(order):
        raise InvalidOption(
            f"give one value for each of the places, each place once: got values {known.shape}, places "
            f"{order.shape}"
        )
    n = len(features)
    rows = order.dtype.kind in "iu" and bool(((order >= 0) & (order < n)).all())
    if not rows or len(set(order.tolist())) != len(order):
        raise InvalidOption(f"places are rows of the features, 0 to {n - 1}, each place once")
    for name, given in (("features", features), ("known", known)):
        if not np.isfinite(given).all():
            at = np.argwhere(~np.isfinite(given))[0].tolist()
            raise InvalidOption(f"{name} is not finite at index {at}: leave that place out")
    rank = np.empty(len(order))
    rank[np.argsort(-known, kind="stable")] = np.arange(len(order)) / len(order)
    forest = RandomForestRegressor(random_state=seed).fit(features[order], rank)
    guess = forest.predict(features)
    guess[order] = rank
    ranks = np.empty(n, dtype=int)
    ranks[np.argsort(guess, kind="stable")] = np.arange(n)
    return ranks
