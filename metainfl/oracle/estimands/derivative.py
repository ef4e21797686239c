"""d lam*/d pi = -H^+ d(grad F)/d pi: the derivative of the minimiser in a weight or an input."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation


class Derivative(Estimand):
    """The implicit function theorem, exactly."""

    name = "derivative"
    words = "d lam*/d weight"
    linear = True

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        return known.family.influence(pis, known.solution).value

    def project(self, known: Known, influences: Array) -> Array | None:
        """Itself."""
        return influences

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """Minus the derivative: a step of -1 from weight 1."""
        return -answer


ESTIMAND = Derivative()
