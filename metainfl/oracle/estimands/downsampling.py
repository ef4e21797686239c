"""What Downsampling converges to over subsets of ceil(0.7 T) tasks, by enumeration of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence, Known
from metainfl_reference.estimands import subsampling
from metainfl_reference.perturbation import Perturbation

MOST = 8  # tasks: 2^T solves


class Downsampling(Estimand):
    """One column a target; exact where F is quadratic, so that every subset is one solve."""

    name = "downsampling"
    words = "mean loss of target tasks over subsets without the task, minus that over those with it"
    evidence: ClassVar[Evidence] = "game"
    kinds = ("task",)
    per_target = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        n = known.family.episodes.n_tasks
        m = min(ceil(0.7 * n), n - 1)
        rows = [subsampling.downsampling(g, m).value for g in known.games]
        return np.stack(rows, axis=1)[[p.task for p in pis]]

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Quadratic F, few tasks, and more than one."""
        return known.family.quadratic and 1 < known.family.episodes.n_tasks <= MOST

    def subtracted(self, known: Known) -> float:
        """Values of subsets."""
        return float(np.linalg.norm([np.abs(g.value).max() for g in known.games]))


ESTIMAND = Downsampling()
