"""Training loss at the last state: high loss, suspect datum. No target is asked.

    value[pi] = d(sum_i w_i L_i(lam_S))/d pi
which is a task's own query loss after adaptation for its weight, and w_i l_ij for a query instance; for a
support instance it is what more of it does to its own task. Estimand: none. Sign: positive = suspect, the
side on which harmful data stand in `Run.scores`. Scale: that of the loss. Cost: a pass over all tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.failure import named
from metainfl.derive.loop import own_stacks
from metainfl.derive.share import own_part
from metainfl.derive.stacks import tried
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training import joint, places
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def training_loss(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """The same column for every target (n, m)."""
    reading, lam, problem = Reading(run, perturbations, targets), run.state.lam, run.problem()
    with own_part():
        for stack in own_stacks(problem, lam, size=run.program.plan.chunk):
            values = joint.variables(lam, stack, reading.names)
            with named(tried(problem, lam, stack)), torch.enable_grad():
                at = {n: v.detach().clone().requires_grad_() for n, v in values.items()}
                loss = joint.loss(problem, at, lam, stack)
                found = torch.autograd.grad(loss, list(at.values()), materialize_grads=True)
            for n, value in zip(at, found, strict=True):
                rows = value.expand(targets.n_tasks, *value.shape)
                places.add(reading.sums[n], stack.places, rows)
    return reading.value()
