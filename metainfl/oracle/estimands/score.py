"""d L_t/d pi = D L_t . d lam*/d pi for target tasks, through each target's own adaptation."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation


class Score(Estimand):
    """One column a target."""

    name = "score"
    words = "d L_t/d weight for target tasks"
    per_target = True

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        return known.family.influence(pis, known.solution).value @ known.target_gradients

    def project(self, known: Known, influences: Array) -> Array | None:
        """Dotted with the target's total gradient."""
        return influences @ known.target_gradients


ESTIMAND = Score()
