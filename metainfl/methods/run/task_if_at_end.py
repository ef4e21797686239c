"""Implicit influence at the last state of a run, as if it were a minimiser (001, Theorem 4.3; damped).

    value[pi, t] = - D L_t(lam_S) . (C + damping I)^{-1} share d(grad sum_i L_i(lam_S))/d pi
C is the curvature of the mean objective that the run descends: share sum_i w_i L_i + (outer_reg +
decay)/2 |lam|^2, share = c |B|/T. Estimand: d L_t(lam*)/d pi at a minimiser, which a trained network is
not: undamped, at an indefinite H, it is the derivative of nothing. Damping is in units of the mean
objective: about 1/(rate S) counts what S steps could reach (gradient descent for a time T is near
(H + I/T)^{-1}). Sign: negative = helped; scale: that of d L_t/d weight. Cost: a solve a target.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.curvature import Curvature, exact
from metainfl.influence.scores import scores
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.solve import Solver
from metainfl.training.descended import mean_share, objective_at
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def task_if_at_end(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    damping: float = 0.0,
    curvature: Curvature = exact,
    solver: Solver | None = None,
) -> Tensor:
    """Estimates (n, m). `curvature` and `solver` as in `metainfl.influence`; raises what they raise."""
    reading = Reading(run, perturbations, targets)
    share = mean_share(run, 0, run.done)
    found = scores(
        objective_at(run, run.done, run.state.lam, share),
        perturbations,
        reading.targets,
        damping=damping / share,
        curvature=curvature,
        solver=solver,
        allow_nonstationary=True,
    )
    return found.value
