"""FI-active (004, eq. 4.1, Algorithm 2): how much unlabelled data hang on the data that are labelled.

    FI-active(x) = g({ FI(z, z_i) : i labelled }),   z = (x, the label that the model predicts)
g is the mean, a quantile, or the mean without the largest and smallest shares. The most influenced are
labelled first. Estimand: itself (FI by `influence_measure`, corrected: 004's is n^2 times as large, which
changes no rank). Sign: never negative. Cost: FI of all labelled data, once for all unlabelled.

`predicted_ranks`: exact FI-active of a share of the pool, and a random forest for the ranks of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from torch import Tensor
from torch.func import jacrev

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How
from metainfl.methods.implicit.influence_measure import RCOND, measured
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks, TaskView


def fi_active(
    problem: Problem,
    labelled: Sequence[Perturbation],
    pool: Tasks,
    *,
    aggregate: str | float = "mean",
    trim: float = 0.0,
    rcond: float = RCOND,
    **how: Unpack[How],
) -> Tensor:
    """FI-active (T, n) of the query instances of the pool's tasks; their labels are not read.

    labelled    query instances of the problem, `metainfl.query(k, j)`
    aggregate   "mean", or a quantile in [0, 1];   trim   share left out at each end before the mean
    `how` as in `influence`. Raises what `influence_measure` raises.
    """
    if not 0 <= trim < 0.5:
        raise InvalidOption(f"trim is a share below a half at each end, got {trim}")
    if aggregate != "mean" and not (isinstance(aggregate, float) and 0 <= aggregate <= 1):
        raise InvalidOption(f'aggregate is "mean" or a quantile in [0, 1], got {aggregate!r}')
    slopes = predicted_slopes(problem, pool)
    each = measured(problem, labelled, slopes.flatten(0, 1), rcond, how).sort(dim=0).values
    if isinstance(aggregate, float):
        found = torch.quantile(each, aggregate, dim=0)
    else:
        cut = int(trim * len(each))
        found = each[cut : len(each) - cut].mean(dim=0)
    return found.reshape(slopes.shape[:2])


def predicted_slopes(problem: Problem, pool: Tasks) -> Tensor:
    """D loss(x, predicted label) of every query instance (T, n, p), each through its task's adaptation."""
    lam, rows = problem.lam, []
    for k in range(pool.n_tasks):
        task = pool.select([k])
        state = tuple(s[0] for s in problem.adaptation.prepare(problem.setting, lam, task.view()))
        view = type(task.view())(*(t[0] for t in task.view()))

        def losses(at: Tensor, view: TaskView = view, state: Any = state) -> Tensor:
            outputs = problem.outputs(at, at, view, state)
            label = torch.nn.functional.one_hot(outputs.detach().argmax(-1), outputs.shape[-1])
            own: Tensor = problem.outer_loss(outputs, label.to(outputs.dtype))
            return own

        rows.append(jacrev(losses)(lam))
    return torch.stack(rows)


def predicted_ranks(
    features: np.ndarray, known: np.ndarray, where: Sequence[int], *, seed: int = 0
) -> np.ndarray:
    """Ranks (n,), 0 the largest, from values `known` at the places `where`, learned over features (n, d).

    Those that are known keep their order among themselves: all known, the ranks are exact.
    """
    order = np.asarray(where)
    if len(known) != len(order) or len(set(order.tolist())) != len(order) or not len(order):
        raise InvalidOption("give one value for each of the places, each place once")
    rank = np.empty(len(order))
    rank[np.argsort(-np.asarray(known), kind="stable")] = np.arange(len(order)) / len(order)
    forest = RandomForestRegressor(random_state=seed).fit(features[order], rank)
    guess = forest.predict(features)
    guess[order] = rank
    ranks = np.empty(len(features), dtype=int)
    ranks[np.argsort(guess, kind="stable")] = np.arange(len(features))
    return ranks
