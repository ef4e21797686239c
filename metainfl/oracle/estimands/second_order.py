"""lam* + lam' + lam''/2: the second-order Taylor estimate of removal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import WEIGHTS, Array, Estimand, Known
from metainfl.oracle.estimands.removed import leaves_a_problem
from metainfl_reference.estimands import removal
from metainfl_reference.perturbation import Perturbation


class SecondOrder(Estimand):
    """Edited parameters (n, p)."""

    name = "second_order"
    words = "the second-order Taylor estimate of removal"
    kinds = WEIGHTS
    edit = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        each = [removal.second_order(known.family, p, known.solution) for p in pis]
        return np.stack([a.value for a in each])

    def defined(self, known: Known, p: Perturbation) -> bool:
        """An estimate of a removal: of one that leaves a problem."""
        return leaves_a_problem(known, p)

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """The edit itself, as a shift."""
        return answer


ESTIMAND = SecondOrder()
