"""TracIn-Last (Pruthi et al. 2020; 003, section 5.2.1.3): TracIn in the parameters of one layer only.

    value[pi, t] = - sum_s rate_s d(c_s grad L_{B_s})/d pi . M D L_t,      M keeps the last layer's entries
Estimand: TracIn's where the other parameters are frozen; elsewhere something else. Sign, scale: TracIn's.
Cost: here TracIn's, because a total gradient passes through adaptation whatever is kept of it; the
saving is in gradients that are stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading, last_layer
from metainfl.methods.run.tracin import along
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def tracin_last(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    parameters: Tensor | None = None,
) -> Tensor:
    """Sums over all steps taken (n, m); `parameters` is a mask (p,), by default that of the last layer."""
    reading = Reading(run, perturbations, targets)
    problem = run.program.problem
    mask = last_layer(problem) if parameters is None else torch.as_tensor(parameters, device="cpu")
    if mask.dtype != torch.bool or mask.shape != (problem.n_meta,) or not mask.any():
        raise InvalidOption(
            f"parameters must be a mask ({problem.n_meta},) of bool that keeps at least one, got "
            f"{mask.dtype} {tuple(mask.shape)}"
        )
    kept = mask.to(run.state.lam)
    return along(reading, lambda slopes: slopes * kept)
