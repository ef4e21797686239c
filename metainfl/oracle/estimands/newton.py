"""lam* - H_-^{-1} grad F_-(lam*): one Newton step on the objective without the datum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import WEIGHTS, Array, Estimand, Known
from metainfl_reference.estimands import removal
from metainfl_reference.perturbation import Perturbation


class Newton(Estimand):
    """Edited parameters (n, p)."""

    name = "newton"
    words = "one Newton step on the removed objective"
    kinds = WEIGHTS
    edit = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        each = [removal.newton(known.family, p, known.solution) for p in pis]
        return np.stack([a.value for a in each])

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """The edit itself, as a shift."""
        return answer


ESTIMAND = Newton()
