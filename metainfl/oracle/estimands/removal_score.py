"""Loss of target tasks after exact removal minus before: positive = the data helped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import WEIGHTS, Array, Estimand, Known
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.estimands import removal
from metainfl_reference.perturbation import Perturbation


class RemovalScore(Estimand):
    """One column a target."""

    name = "removal_score"
    words = "loss of target tasks after removal minus before"
    kinds = WEIGHTS
    per_target = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        f, s = known.family, known.solution
        edits = removal.exact_many(f, pis, s)
        rows = [
            [removal.score(f, t, s, edits[i]).value for t in known.targets] for i in range(len(pis))
        ]
        return np.array(rows)

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Where the branch of minimisers reaches the removed problem, and that is one."""
        try:
            removal.exact_many(known.family, [p], known.solution)
        except (InvalidProblem, NotCertified):
            return False
        return True

    def subtracted(self, known: Known) -> float:
        """Losses."""
        return float(np.linalg.norm(known.target_losses))


ESTIMAND = RemovalScore()
