"""VAE-TracIn (Kong and Chaudhuri 2021; 003, section 5.2.1.3) and TracInAD (Thimonier et al. 2022).

    vae_tracin   TracInCP of a run whose loss is -ELBO: - sum_s k_s rate_s share_s D L_i . D L_t
    tracin_ad    self[t] = sum_s k_s rate_s share_s |D L_t(lam_s)|^2, and the share of training data whose own
                 is as large: tail[t] = (1 + #{i : self[i] >= self[t]}) / (n + 1)
Estimand: TracInCP's for the first; for the second the tail of the distribution of self-influence, small for
anomalies, and a p-value where a target is drawn like the data (without those being fitted to it). Sign of
the first: negative = the data made the target likelier; self-influence is not negative. The bound on the
ELBO stands for the likelihood: for `LinearVAE` it is closed-form, so nothing is sampled. Cost: two gradients
of all data a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading, spaced
from metainfl.methods.run.tracin_cp import represented, tracin_cp
from metainfl.problem.perturbation import Perturbation, task
from metainfl.problem.tasks import Tasks
from metainfl.training.descended import share_at
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def vae_tracin(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    checkpoints: int | Sequence[int] | None = 10,
) -> Tensor:
    """Sums over checkpoints (n, m), as `tracin_cp`."""
    return tracin_cp(run, perturbations, targets, checkpoints=checkpoints)


@dataclass(frozen=True, eq=False)
class Anomaly:
    """Self-influence of the targets (m,) and of the training tasks (n,), and the targets' tail (m,)."""

    value: Tensor
    training: Tensor
    tail: Tensor


def tracin_ad(run: Run, targets: Tasks, *, checkpoints: int | Sequence[int] | None = 10) -> Anomaly:
    """How far in the tail of the training data's self-influence each target is; not only for VAEs."""
    if isinstance(checkpoints, int):
        checkpoints = min(checkpoints, run.done)
    tasks = run.program.problem.tasks
    reading, times = Reading(run, [task(0)], targets), spaced(run, checkpoints)
    value, own = tasks.like.new_zeros(targets.n_tasks), tasks.like.new_zeros(tasks.n_tasks)
    for (t, lam), steps in zip(reading.states(times), represented(times, run.done), strict=True):
        scale = steps * reading.rate(t) * share_at(run, t)
        value += (scale * reading.slopes(lam).square()).sum(1)
        own += (scale * reading.at(lam).task_gradients(lam).square()).sum(1)
    tail = (1 + (own[:, None] >= value).sum(0)).to(own) / (len(own) + 1)
    return Anomaly(value, own, tail)
