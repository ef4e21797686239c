"""Ideal TracIn (Pruthi et al. 2020, section 3; 003, eq. 51): what each task's own steps did to a target.

    value[i, t] = sum_{steps on task i alone} [ L_t(lam_{s+1}) - L_t(lam_s) ]
Estimand: itself, a credit for steps taken and no derivative. The values of all tasks add up to
L_t(lam_S) - L_t(lam_0), whatever the optimiser (eq. 52). Sign: negative = helped (eq. 51 has minus this).
Scale: that of the loss. Cost: the targets' losses at every step; exact only for batches of one task.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidOption, InvalidRecipe
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="ideal_tracin", kinds=("task", "group"))
def tracin_ideal(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Changes of the targets' losses (n, m) over the steps of each task; groups add up.

    Raises `InvalidRecipe` where a batch holds more than one task: such a step is nobody's.
    """
    reading = Reading(run, perturbations, targets)
    if any(m.kind != "task" for p in perturbations for m in parts(p)):
        raise InvalidOption("ideal TracIn credits whole steps, so whole tasks: ask for tasks")
    for t, batch in enumerate(run.program.batches[: run.done]):
        if len(set(batch)) != 1:
            raise InvalidRecipe(
                f"ideal TracIn needs batches of one task; step {t} has {len(set(batch))}: use tracin, "
                "which splits a step to first order in the rate"
            )
    problem, steps = run.program.problem, run.program.batches
    credit = run.state.lam.new_zeros(problem.tasks.n_tasks, targets.n_tasks)
    before = None
    for t, state in run.states_at(range(run.done + 1)):
        loss = problem.losses(state.lam, reading.targets)
        if before is not None:
            credit[steps[t - 1][0]] += loss - before
        before = loss
    return torch.stack([credit[[m.task for m in parts(p)]].sum(0) for p in perturbations])
