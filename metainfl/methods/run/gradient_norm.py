"""Gradient norm at the last state: a datum that still pulls hard is unusual. No target is asked.

    value[pi] = |d(grad sum_i w_i L_i(lam_S))/d pi|
the length of a task's total gradient for its weight. Estimand: none, and without a side: helpful and
harmful data both pull. Sign: positive = pulls. Scale: that of the gradient. Cost: a gradient of every task,
held p numbers each for the perturbations asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.derive.cross import columns
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def gradient_norm(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """The same column for every target (n, m)."""
    reading = Reading(run, perturbations, targets)
    norms = columns(reading.at(run.state.lam), perturbations).norm(dim=1)
    return norms[:, None].expand(-1, targets.n_tasks).clone()
