"""TracIn (Pruthi et al. 2020; 003, eq. 55): gradient dot products, summed over the steps of a task.

    value[pi, t] = - sum_s rate_s d(c_s grad L_{B_s}(lam_s))/d pi . D L_t(lam_s),  c_s = 1/|B_s| for a mean
For a task's weight the middle is c_s D L_i(lam_s), if i is in the batch; instances and inputs likewise.
Estimand: ideal TracIn to first order in the rates. As an estimate of the run's derivative it leaves out
how later steps carry a change on, and takes the target's slope at each step for that at the end; moments,
clipping and weight decay are ignored, as the formula does. Sign: negative = helped (eq. 55 prints minus
this). Scale: that of d L_t/d weight. Cost: two gradients a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="tracin", kinds=("task",))
def tracin(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Sums over all steps taken (n, m)."""
    return along(Reading(run, perturbations, targets), lambda slopes: slopes)


def along(reading: Reading, changed: Callable[[Tensor], Tensor]) -> Tensor:
    """The same with the targets' slopes (m, p) changed before the dot product."""
    for t, lam in reading.states(range(reading.run.done)):
        reading.add(t, lam, -reading.rate(t) * changed(reading.slopes(lam)))
    return reading.value()
