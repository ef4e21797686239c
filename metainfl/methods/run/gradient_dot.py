"""Gradient dot product at the last state: the oldest baseline, a step that was never taken.

    value[pi, t] = - (sum_s rate_s share_s) d(grad sum_i L_i(lam_S))/d pi . D L_t(lam_S)
TracInCP with the end of the run as its only checkpoint, where rates and batches are equal: there each step
has the last one's rate and share, here its own. A run of one step from lam_0 has the derivative
- rate c D L_i(lam_0) . D L_t(lam_1): this with the two slopes at their own states. Sign: negative =
helped. Scale: that of d L_t/d weight. Cost: two gradients of all tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.derive.contract import contract
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.descended import share_at
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def gradient_dot(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Products (n, m)."""
    reading = Reading(run, perturbations, targets)
    lam = run.state.lam
    scale = sum(reading.rate(t) * share_at(run, t) for t in range(run.done))
    return -contract(reading.at(lam), (scale * reading.slopes(lam)).T, perturbations)
