"""Shapley values of the tasks for minus the loss of target tasks, by enumeration of all subsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence, Known
from metainfl_reference.estimands import values
from metainfl_reference.perturbation import Perturbation

MOST = 8  # tasks: 2^T solves


class Shapley(Estimand):
    """One column a target; exact where F is quadratic, so that every subset is one solve."""

    name = "shapley"
    words = "Shapley value of the tasks for minus the loss of target tasks"
    evidence: ClassVar[Evidence] = "game"
    kinds = ("task",)
    per_target = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        phi = np.stack([values.shapley(g).value for g in known.games], axis=1)
        return phi[[p.task for p in pis]]

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Quadratic F, few tasks."""
        return known.family.quadratic and known.family.episodes.n_tasks <= MOST

    def subtracted(self, known: Known) -> float:
        """Values of subsets."""
        return float(np.linalg.norm([np.abs(g.value).max() for g in known.games]))


ESTIMAND = Shapley()
