"""d L_t/d pi over the length of d(grad F)/d pi: renormalised influence functions (003, eq. 69)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation

LEAST = (
    1e-6  # of the largest task's: a direction that has lost more digits than that is not compared
)


class RenormalisedScore(Estimand):
    """One column a target."""

    name = "renormalised_score"
    words = "d L_t/d weight over |d(grad F)/d weight|"
    per_target = True

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        rows = known.family.influence(pis, known.solution).value
        return rows @ known.target_gradients / self._sizes(known, pis)[:, None]

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Where there is a gradient, not rounding."""
        return bool(self._sizes(known, [p])[0] > LEAST * known.most[0])

    def _sizes(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        s = known.solution
        return np.linalg.norm(known.family.cross_derivatives(pis, s.lam, s.weights), axis=0)


ESTIMAND = RenormalisedScore()
