"""SOURCE (Bae et al. 2024, eqs 12 to 15): a run cut into segments, each taken as stationary.

    value[pi, t] = - sum_l b_l . phi_l(A_l) G_l,     phi_l(a) = (1 - exp(-T_l a))/a,  T_l = sum of the rates
    b_L = D L_t(lam_S),   b_{l-1} = exp(-T_l A_l) b_l,    G_l = share_l d(grad sum_i L_i)/d pi
A_l and G_l are means over the checkpoints of segment l: the curvature of the mean objective (share sum_i
w_i L_i + (outer_reg + decay)/2 |lam|^2), and the cross derivatives. Momentum divides rates by 1 - momentum
(see `steps`, decay too).
Adam: A becomes P^(1/2) A P^(1/2), P the mean of 1/(sqrt(v) + eps), what v depends on is left out (as in
the paper, appendix). Clipping is ignored. The paper's A is the Gauss-Newton matrix by EK-FAC; here any of
`metainfl.curvature` that gives products, Gauss-Newton by default, and phi and exp by Lanczos. Estimand:
none, an estimate of d L_t(lam_S)/d pi. On a quadratic objective with all tasks in each batch it is exact, in
the limit of small rates, for a run at rest. Elsewhere gradients move within a segment, which leaves an error
that small rates do not take away: for a given time it falls with the square of the segments' number (from
far off to rest on a ridge problem: 4 % with 2, 0.9 % with 4, 0.2 % with 8 and one checkpoint each). Sign:
negative = helped; scale: that of d L_t/d weight. Cost: some tens of products over all tasks a segment,
checkpoint and target.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from metainfl.curvature import Curvature, gauss_newton
from metainfl.derive.contract import contract
from metainfl.errors import InvalidOption
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.solve.function import functions
from metainfl.solve.operator import SymmetricOperator
from metainfl.training.descended import mean_share, objective_at
from metainfl.training.run import Run
from metainfl.training.steps import step_scale


@claims(estimand="run_score", accuracy="rank")
def source(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    segments: int = 3,
    checkpoints: int = 2,
    curvature: Curvature = gauss_newton,
    rtol: float = 1e-6,
    max_steps: int = 1000,
) -> Tensor:
    """Estimates (n, m), from `segments` equal parts of the run with `checkpoints` states each."""
    reading = Reading(run, perturbations, targets)
    if not (segments >= 1 and checkpoints >= 1 and segments * checkpoints <= run.done):
        raise InvalidOption(
            f"{segments} segments with {checkpoints} checkpoints do not fit {run.done} steps"
        )
    bounds = [round(i * run.done / segments) for i in range(segments + 1)]
    b = reading.slopes(run.state.lam)
    out = run.state.lam.new_zeros(len(perturbations), len(b))
    for first, last in reversed(list(pairwise(bounds))):
        times = [first + int((i + 0.5) * (last - first) / checkpoints) for i in range(checkpoints)]
        time = sum(run.program.rates[first:last])
        share, root = mean_share(run, first, last), step_scale(run, times).sqrt()
        problems = [objective_at(run, t, lam, share) for t, lam in reading.states(times)]
        a = _preconditioned([curvature(p) for p in problems], share, root)

        def phi(x: Tensor, time: float = time) -> Tensor:
            near = x.abs() * time < 1e-12
            safe = torch.where(near, torch.ones_like(x), x)
            return torch.where(near, torch.full_like(x, time), -torch.expm1(-time * safe) / safe)

        def fade(x: Tensor, time: float = time) -> Tensor:
            return torch.exp(-time * x)

        found = functions(a, (root * b).T, [phi, fade], rtol=rtol, max_steps=max_steps)
        moved = root[:, None] * found[0]
        for p in problems:
            out = out - share / checkpoints * contract(p, moved, perturbations)
        b = found[1].T / root
    return out


def _preconditioned(
    operators: Sequence[SymmetricOperator], share: float, root: Tensor
) -> SymmetricOperator:
    """share P^(1/2) mean(A) P^(1/2)."""
    like = operators[0].like

    def apply(v: Tensor) -> Tensor:
        r = root if v.ndim == 1 else root[:, None]
        whole = sum((a @ (r * v) for a in operators), start=torch.zeros_like(v))
        return share / len(operators) * r * whole

    return SymmetricOperator(len(like), apply, like)
