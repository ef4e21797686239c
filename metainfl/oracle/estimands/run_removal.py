"""lam_S without a datum: the same program, seed and start with the weight at 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from metainfl.oracle.estimands.estimand import WEIGHTS, Array, Estimand, Evidence
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands import trajectory
from metainfl_reference.perturbation import Perturbation


class RunRemoval(Estimand):
    """An edited lam; means over a batch go on to divide by the batch's size."""

    name = "run_removal"
    words = "lam_S of the same training run without the datum"
    evidence: ClassVar[Evidence] = "run"
    kinds = WEIGHTS
    edit = True

    def truth(self, known: Any, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        return np.stack([trajectory.removal(known.run, p).lam[-1] for p in pis])

    def defined(self, known: Any, p: Perturbation) -> bool:
        """Where the program without the datum exists: a way that loses its last shot has no prototype."""
        try:
            trajectory.removal(known.run, p)
        except InvalidProblem:
            return False
        return True


ESTIMAND = RunRemoval()
