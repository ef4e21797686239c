"""Linear datamodeling score: does adding up influences predict training on a random half of the tasks?

    LDS = Spearman over random subsets S of  L_t(lam*(S))  and  -sum_{i in S} score_i
(Park et al. 2023), with lam*(S) the reference's exact minimiser. Deterministic by seed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.measure import spearman
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import NotCertified

Array = np.ndarray


@lru_cache(maxsize=8)
def halves(case: Case, subsets: int, seed: int = 0) -> tuple[Array, Array]:
    """Membership (subsets, T) of random halves, and the target losses after training on each."""
    rng, n = np.random.default_rng(seed), case.family.episodes.n_tasks
    members, losses = [], []
    for _ in range(3 * subsets):
        chosen = np.zeros(n)
        chosen[rng.permutation(n)[: n // 2]] = 1
        w = case.solution.weights
        try:
            lam = case.family.solve(
                Weights(chosen * w.task, w.support, w.query), start=case.solution.lam
            ).lam
        except NotCertified:
            continue
        members.append(chosen)
        losses.append([case.family.target_loss(t, lam).real for t in case.targets])
        if len(members) == subsets:
            break
    return np.array(members), np.array(losses)


def score(case: Case, task_scores: Array, subsets: int) -> float:
    """LDS, averaged over targets; `task_scores` (T, targets): loss after removal minus before."""
    members, losses = halves(case, subsets)
    predicted = -members @ task_scores
    return float(np.mean([spearman(predicted[:, j], losses[:, j]) for j in range(losses.shape[1])]))
