"""The linear datamodelling score: do scores, added up, rank what training on a random part gives?

    LDS_t = Spearman over random subsets S of  L_t(trained on S)  and  -sum_{k not in S} score_kt
(Park et al. 2023), with the training done again for every subset: the same seed, or solved again from lam*.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.metrics.removals import losses_without, scores_of, tasks_of
from metainfl.numbers import BELOW_ONE, real, whole
from metainfl.numbers import seed as checked_seed
from metainfl.problem.asked import require_tasks
from metainfl.problem.tasks import Tasks
from metainfl.training import Run

RESAMPLED = 1000  # bootstrap draws of the subsets


@dataclass(frozen=True, eq=False)
class Datamodeling:
    """LDS: its mean over targets with a 95 % bootstrap interval over subsets, and one a target (m,).

    `predicted` and `measured` (subsets, m): minus the scores that are left out, and the losses without them.
    """

    value: float
    low: float
    high: float
    each: list[float]
    predicted: Tensor
    measured: Tensor

    def __str__(self) -> str:
        """`LDS 0.981 (0.96 to 0.99) from 20 subsets`."""
        n = len(self.measured)
        return f"LDS {self.value:.3g} ({self.low:.2g} to {self.high:.2g}) from {n} subsets"


def linear_datamodeling_score(
    subject: Run | Problem,
    scores: Any,
    targets: Tasks,
    *,
    subsets: int = 20,
    share: float = 0.5,
    seed: int = 0,
    jobs: int = 1,
    store: str | Path | None = None,
) -> Datamodeling:
    """LDS of `scores` (T, m), d L_t/d w_k as run.scores and metainfl.scores give them.

    share     of the training tasks that each of the random `subsets` keeps
    jobs, store   for a run: reruns at once, and the folder in which finished ones are kept
    Costs `subsets` trainings. Raises `InvalidOption`, and what reruns or `removal.resolved` raise.
    """
    n = tasks_of(subject).n_tasks
    found = scores_of(scores, n, require_tasks(targets))
    subsets = whole(subsets, "subsets", 4, error=InvalidOption)
    out = n - round(real(share, "share", BELOW_ONE, InvalidOption) * n)
    if not 0 < out < n:
        raise InvalidOption(f"a share of {share} of {n} tasks leaves out {out}: name another")
    rng = np.random.default_rng(checked_seed(seed, InvalidOption) % 2**64)
    left = [sorted(rng.permutation(n)[:out].tolist()) for _ in range(subsets)]
    measured = losses_without(subject, left, targets, jobs=jobs, store=store)
    predicted = torch.stack([-found[chosen].sum(0) for chosen in left])
    both = predicted.numpy(), measured.numpy()
    each = _correlations(*both)
    draws = rng.integers(subsets, size=(RESAMPLED, subsets))
    again = [_correlations(*(side[draw] for side in both)).mean() for draw in draws]
    low, high = (float(v) for v in np.quantile(again, [0.025, 0.975]))
    return Datamodeling(float(each.mean()), low, high, each.tolist(), predicted, measured)


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's, column by column (m,); 0 where a column is constant: it ranks nothing."""
    x, y = (rankdata(side, axis=0) for side in (a, b))
    x, y = x - x.mean(0), y - y.mean(0)
    size = np.sqrt((x * x).sum(0) * (y * y).sum(0))
    return np.where(size > 0, (x * y).sum(0) / np.where(size > 0, size, 1.0), 0.0)
