"""The counterfactual of an attribution: what a target loses without the data that are said to have helped it.

    QLD_t = L_t(trained without the share of tasks with the most helpful scores for t) - L_t(trained on all)
(query loss difference), beside as many tasks at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.metrics.intervals import Interval, paired
from metainfl.metrics.removals import losses_without, scores_of, tasks_of
from metainfl.numbers import BELOW_ONE, real
from metainfl.numbers import seed as checked_seed
from metainfl.problem.asked import require_tasks
from metainfl.problem.tasks import Tasks
from metainfl.training import Run


@dataclass(frozen=True, eq=False)
class Difference:
    """QLD a target (m,), that of a random removal (m,), and their paired difference over targets."""

    each: Tensor
    random: Tensor
    over_random: Interval
    removed: int

    def __str__(self) -> str:
        """In words."""
        return (
            f"without the {self.removed} tasks said to help most, a target's loss rises by "
            f"{float(self.each.mean()):.3g}, without as many at random by {float(self.random.mean()):.3g}; "
            f"difference {self.over_random.mean:.3g} +- {self.over_random.half:.2g}"
        )


def query_loss_difference(
    subject: Run | Problem,
    scores: Any,
    targets: Tasks,
    *,
    share: float = 0.1,
    seed: int = 0,
    jobs: int = 1,
    store: str | Path | None = None,
) -> Difference:
    """QLD of `scores` (T, m), d L_t/d w_k as run.scores and metainfl.scores give them: negative helped.

    share     of the training tasks that is removed, at least one;   seed   of the random removals
    jobs, store   for a run: reruns at once, and the folder in which finished ones are kept
    Costs two trainings a target. Raises `InvalidOption`, and what reruns or `removal.resolved` raise.
    """
    n, m = tasks_of(subject).n_tasks, require_tasks(targets).n_tasks
    found = scores_of(scores, n, targets)
    few = max(1, round(real(share, "share", BELOW_ONE, InvalidOption) * n))
    if few >= n:
        raise InvalidOption(f"a share of {share} of {n} tasks leaves none: name a smaller one")
    draw = torch.Generator().manual_seed(checked_seed(seed, InvalidOption))
    chosen = [sorted(found[:, t].argsort(stable=True)[:few].tolist()) for t in range(m)]
    drawn = [
        sorted(torch.randperm(n, generator=draw, device="cpu")[:few].tolist()) for _ in range(m)
    ]
    losses = losses_without(subject, [*chosen, *drawn, []], targets, jobs=jobs, store=store)
    own = torch.arange(m, device="cpu")
    each, random = (losses[own + a, own] - losses[-1] for a in (0, m))
    return Difference(each, random, paired(each.tolist(), random.tolist()), few)
