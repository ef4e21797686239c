"""lam* without the datum or the group, by solving again: the truth of T2."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.oracle.estimands.estimand import WEIGHTS, Array, Estimand, Known
from metainfl_reference.estimands import removal
from metainfl_reference.perturbation import Perturbation


class Removal(Estimand):
    """Edited parameters (n, p)."""

    name = "removal"
    words = "lam* re-solved without the datum"
    kinds = WEIGHTS
    edit = True
    cheap = False

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        return removal.exact_many(known.family, pis, known.solution).value

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """The edit itself, as a shift."""
        return answer


ESTIMAND = Removal()
