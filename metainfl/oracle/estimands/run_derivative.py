"""d lam_S/d pi: the derivative of a training run's end in a weight or an input, by the tangent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence
from metainfl_reference.estimands import trajectory
from metainfl_reference.perturbation import Perturbation


class RunDerivative(Estimand):
    """One row of p entries a perturbation; no stationary point is asked for."""

    name = "run_derivative"
    words = "d lam_S/d weight, of the training run"
    evidence: ClassVar[Evidence] = "run"

    def truth(self, known: Any, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        return trajectory.tangent(known.run, pis).value

    def predicted_removal(self, known: Any, answer: Array) -> Array | None:
        """Minus the derivative."""
        return -answer


ESTIMAND = RunDerivative()
