"""Ideal TracIn of tasks (003, eq. 51), as loss after minus loss before: minus what is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Evidence
from metainfl_reference.estimands import trajectory
from metainfl_reference.perturbation import Perturbation, parts


class IdealTracin(Estimand):
    """One column a target; defined where every batch is one task."""

    name = "ideal_tracin"
    words = "minus ideal TracIn (003, eq. 51) of tasks for target tasks"
    evidence: ClassVar[Evidence] = "run"
    kinds = ("task", "group")
    per_target = True

    def truth(self, known: Any, pis: Sequence[Perturbation]) -> Array:
        """(n, targets)."""
        rows = np.stack(
            [-trajectory.ideal_tracin(known.run, t).value for t in known.targets], axis=1
        )
        return np.stack([rows[[m.task for m in parts(p)]].sum(axis=0) for p in pis])

    def defined(self, known: Any, p: Perturbation) -> bool:
        """Batches of one task, and tasks alone."""
        single = all(len(set(b)) == 1 for b in known.run.recipe.batches)
        return single and all(m.kind == "task" for m in parts(p))

    def subtracted(self, known: Any) -> float:
        """Losses along the run: the largest of each target."""
        each = [[known.family.target_loss(t, lam) for lam in known.run.lam] for t in known.targets]
        return float(np.linalg.norm(np.abs(each).max(axis=1)))


ESTIMAND = IdealTracin()
