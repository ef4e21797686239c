"""d L_t/d pi over the length of d lam*/d pi: theta-RelatIF (003, eq. 66), as a derivative."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation

LEAST = (
    1e-6  # of the largest task's: a direction that has lost more digits than that is not compared
)


class RelativeScore(Estimand):
    """One column a target."""

    name = "relative_score"
    words = "d L_t/d weight over |d lam*/d weight|"
    per_target = True

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        rows = known.family.influence(pis, known.solution).value
        return rows / np.linalg.norm(rows, axis=1, keepdims=True) @ known.target_gradients

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Where lam* moves by more than rounding."""
        size = float(np.linalg.norm(known.family.influence([p], known.solution).value))
        return size > LEAST * known.most[1]


ESTIMAND = RelativeScore()
