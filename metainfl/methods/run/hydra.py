"""HyDRA (Chen et al. 2021; 003, eqs 57 to 62, 79): the whole derivative of a run, forwards.

    h_{s+1} = dU_s(h_s, H_{B_s} h_s + d(c_s grad L_{B_s})/d pi),     value[pi, t] = D L_t(lam_S) . h_S
Estimand: d L_t(lam_S)/d pi, exactly, for every optimiser that a recipe has (the paper: gradient descent
with weight decay and momentum). Eq. 62 returns -1/n times it, a removal, for h scaled by n: this is a
derivative in a weight of 1. Sign: negative = helped. Cost: a Hessian product a step and perturbation;
`Run.scores` has the same numbers by the adjoint, at a cost that does not grow with the perturbations.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.methods.claim import claims
from metainfl.problem.perturbation import KINDS, Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run


@claims(estimand="run_score", kinds=KINDS)
def hydra(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Derivatives (n, m)."""
    return run.influence(perturbations).value @ run.target_slopes(targets).T
