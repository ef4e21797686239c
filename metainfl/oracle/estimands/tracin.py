"""TracIn of tasks along a run (003, eq. 55), with the sign of a derivative: minus what is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence
from metainfl_reference.estimands import trajectory
from metainfl_reference.perturbation import Perturbation


class Tracin(Estimand):
    """One column a target; first order in the rates, moments ignored."""

    name = "tracin"
    words = "minus TracIn (003, eq. 55) of tasks for target tasks, per unit of the task's weight"
    evidence: ClassVar[Evidence] = "run"
    kinds = ("task",)
    per_target = True

    def truth(self, known: Any, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        rows = [-trajectory.tracin(known.run, t).value for t in known.targets]
        at = [p.task for p in pis]
        weights: Array = known.run.weights.task
        return np.stack(rows, axis=1)[at] / weights[at, None]


ESTIMAND = Tracin()
