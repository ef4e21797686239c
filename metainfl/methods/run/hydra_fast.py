"""HyDRA's fast approximation (Chen et al. 2021; 003, eq. 80 and Alg. 4): the run's derivative with H = 0.

    h_{s+1} = dU_s(h_s, outer_reg h_s + d(c_s grad L_{B_s})/d pi),    value[pi, t] = D L_t(lam_S) . h_S
Weight decay, momentum and Adam's moments are carried on, the loss's curvature is not. Plain gradient
descent without decay gives eq. 64: TracIn with the target's slope at the end in place of each step's.
Estimand: none of its own, an estimate of d L_t(lam_S)/d pi; exact where the loss is affine in lam, or after
one step. Sign: negative = helped; scale: that of d L_t/d weight. Cost: backwards, as here, a gradient a
step and target whatever the number of perturbations (Alg. 4 carries h forwards, p numbers each).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def hydra_fast(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Estimates (n, m)."""
    reading = Reading(run, perturbations, targets)
    program, update = run.program, run.program.update
    bar = reading.slopes(run.state.lam)
    moments = (torch.zeros_like(bar),) * program.recipe.optimiser.n_moments
    for t, state in run.kept.backwards(run.done):
        g = torch.zeros_like(state.lam)
        if update.needs_gradient:
            g = program.gradient(t, state.lam)[1]
        bar, *rest, g_bar = update.pull(state, g, program.rates[t], (bar, *moments))
        moments = tuple(rest)
        bar = bar + program.problem.outer_reg * g_bar
        reading.add(t, state.lam, g_bar)
    return reading.value()
