"""TracInCP (Pruthi et al. 2020, section 3.3; 003, eq. 56): gradient dot products at a few checkpoints.

    value[pi, t] = - sum_{s in checkpoints} k_s rate_s share_s d(grad sum_i L_i(lam_s))/d pi . D L_t(lam_s)
with every task at every checkpoint, whether or not it was in a batch there: equal tasks get equal values.
share_s = c_s |B_s|/T is what a step's gradient holds of a task on average over batches, and k_s the steps
that a checkpoint stands for; eq. 56 leaves both out, a constant where checkpoints are evenly spaced and
batches equal. With all steps as checkpoints and all tasks in each batch this is TracIn. Estimand: TracIn,
averaged over the order of batches. Sign: negative = helped. Scale: that of d L_t/d weight. Cost: two
gradients of all tasks a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.contract import contract
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading, spaced
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.descended import share_at
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def tracin_cp(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    checkpoints: int | Sequence[int] | None = 10,
) -> Tensor:
    """Sums over checkpoints (n, m): that many, evenly spaced, or those given (0 is the start, `run.done`

    the end); None: every step.
    """
    if isinstance(checkpoints, int):
        checkpoints = min(checkpoints, run.done)
    reading, times = Reading(run, perturbations, targets), spaced(run, checkpoints)
    out = run.state.lam.new_zeros(len(perturbations), targets.n_tasks)
    for (t, lam), steps in zip(reading.states(times), represented(times, run.done), strict=True):
        scale = steps * reading.rate(t) * share_at(run, t)
        out = out - contract(reading.at(lam), (scale * reading.slopes(lam)).T, perturbations)
    return out


def represented(times: Sequence[int], steps: int) -> list[float]:
    """How many of the steps are nearest to each of the times."""
    at = torch.tensor(times, dtype=torch.float64, device="cpu")
    gaps = (torch.arange(steps, dtype=torch.float64, device="cpu")[:, None] - at).abs()
    nearest = gaps == gaps.min(1, keepdim=True).values
    return (nearest / nearest.sum(1, keepdim=True)).sum(0).tolist()
