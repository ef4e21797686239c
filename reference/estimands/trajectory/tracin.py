"""TracIn along a run: what the steps of each task did to a target (003, section 5.2).

A credit for steps that were taken, not a derivative in a weight: compare with `adjoint`.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer, beside
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands.trajectory.run import Run
from metainfl_reference.local import TaskData
from metainfl_reference.wide import lifted

Array = np.ndarray


def ideal_tracin(of: Run, target: TaskData) -> Answer:
    """003 eq. 51: the target's loss decrease over the steps that used each task (T,).

    Batches of one task only; a step on a larger batch cannot be credited. The values add up to the
    whole decrease from lam_0 to lam_S (eq. 52), the weight decay of each step included, whatever the
    optimiser.
    """
    for t, batch in enumerate(of.recipe.batches):
        if len(set(batch)) != 1:
            raise InvalidProblem(
                f"ideal TracIn needs batches of one task; step {t} has {len(set(batch))}"
            )
    value = _credits(of, target)
    return Answer(value, lambda: beside(value, _credits(of.wide, lifted(target))))


def tracin(of: Run, target: TaskData) -> Answer:
    """003 eq. 55: sum_t rate_t (1/|B_t|) w_i D_i . D L_target at lam_t (T,), first order in the rate.

    The optimiser's moments are ignored, as the formula does.
    """
    value = _products(of, target)
    return Answer(value, lambda: beside(value, _products(of.wide, lifted(target))))


def _credits(of: Run, target: TaskData) -> Array:
    out = np.zeros(of.family.episodes.n_tasks, of.states[0].lam.dtype)
    losses = [of.family.target_loss(target, s.lam) for s in of.states]
    for t, batch in enumerate(of.recipe.batches):
        out[batch[0]] += losses[t] - losses[t + 1]
    return out


def _products(of: Run, target: TaskData) -> Array:
    out = np.zeros(of.family.episodes.n_tasks, of.states[0].lam.dtype)
    for t, rate in enumerate(of.recipe.rates):
        batch, slope = of.batch(t), of.family.target_gradient(target, of.states[t].lam)
        for i, share in batch.share.items():
            out[i] += rate * share * of.weights.task[i] * (batch.tasks[i].gradient() @ slope)
    return out
