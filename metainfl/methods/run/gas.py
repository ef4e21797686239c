"""GAS, gradient aggregated similarity (Hammoudeh and Lowd 2022; 003, eq. 68): TracInCP of unit gradients.

    value[pi, t] = - sum_{s in checkpoints} k_s rate_s cos(d(grad F)/d pi (lam_s), D L_t(lam_s))
k_s are the steps that a checkpoint stands for (eq. 68 leaves them out, a constant where checkpoints are
evenly spaced). Estimand: none of its own, a ranking in which the scale of a datum's loss drops out;
|value| <= sum k_s rate_s, and a datum that is its own target gets that bound. A datum whose gradient is 0
at a checkpoint adds nothing there, as it does to TracIn. Sign: negative = helped (eq. 68 prints minus this).
Unit: that of rates. Cost: two gradients of all data a checkpoint, which are held one checkpoint at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.cross import columns
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading, spaced
from metainfl.methods.run.tracin_cp import represented
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def gas(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    checkpoints: int | Sequence[int] | None = 10,
) -> Tensor:
    """Sums over checkpoints (n, m): that many, evenly spaced, or those given; None: every step."""
    if isinstance(checkpoints, int):
        checkpoints = min(checkpoints, run.done)
    reading, times = Reading(run, perturbations, targets), spaced(run, checkpoints)
    out = run.state.lam.new_zeros(len(perturbations), targets.n_tasks)
    for (t, lam), steps in zip(reading.states(times), represented(times, run.done), strict=True):
        rows = _units(columns(reading.at(lam), perturbations))
        out = out - steps * reading.rate(t) * rows @ _units(reading.slopes(lam)).T
    return out


def _units(rows: Tensor) -> Tensor:
    size = rows.norm(dim=1, keepdim=True)
    return rows / torch.where(size > 0, size, torch.ones_like(size))
