"""d L_t(lam_S)/d pi for target tasks: the derivative of a training run, dotted with the target's slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence
from metainfl_reference.estimands import trajectory
from metainfl_reference.perturbation import Perturbation


class RunScore(Estimand):
    """One column a target, through the target's own adaptation."""

    name = "run_score"
    words = "d L_t(lam_S)/d weight for target tasks, of the training run"
    evidence: ClassVar[Evidence] = "run"
    per_target = True

    def truth(self, known: Any, pis: Sequence[Perturbation]) -> Array:
        """(n, targets), by the tangent: the adjoint is what methods use."""
        found: Array = trajectory.tangent(known.run, pis).value @ known.target_gradients
        return found


ESTIMAND = RunScore()
