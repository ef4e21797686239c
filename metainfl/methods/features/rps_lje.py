"""RPS-LJE (Sui et al. 2021; 003, section 5.1.2.3): representers by a local Jacobian expansion.

    part_i(x_t) = f(x_t; lam/N - H^{-1} g_i),    g_i = w_i grad l_i + outer_reg lam/N,    f linear in lam
    alpha_i     = (lam/N) / x_i - (H^{-1} g_i) / x_i  per feature, so that part_i = alpha_i (x_i . x_t)
The parts add up to the prediction after one Newton step from lam, which needs not be stationary: at a
stationary point, to the prediction itself. The survey gives no formula; this one follows the paper's,
written in parts because alpha divides by features, which may be 0. The paper's mean over N and H of the mean
give the same products. Without outer_reg it exists too, where H is definite. Sign: positive raises the
output. Cost: one gradient an instance, and one solve with N right-hand sides.
"""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.derive.padding import without_padding
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.influence.how import How, apply_inverse
from metainfl.methods.features.representer_points import slopes
from metainfl.problem import Linear


def rps_lje(problem: Problem, x: Tensor, **how: Unpack[How]) -> Tensor:
    """Each instance's part of the outputs at x (m, d) after a Newton step: (T, n_q, m, c).

    Instances of weight 0 have no part. `how` is described in `metainfl.influence.how`.
    """
    model, t = problem.setting.model, problem.tasks
    if not isinstance(problem.adaptation, NoAdaptation) or not isinstance(model, Linear):
        raise InvalidProblem(
            "RPS-LJE is of linear models without adaptation: take "
            "metainfl.methods.features.last_layer.head(problem)"
        )
    view = without_padding(t.view())
    live = (t.w[:, None] * view.query_weight != 0).to(problem.lam)
    share = live / live.sum()
    g = torch.einsum("tnd,tnc->tndc", view.query_x, slopes(problem)).flatten(2)
    g = g + share[..., None] * problem.prior(problem.lam)
    moved = apply_inverse(problem, g.flatten(0, 1).T, **how).solution.T.reshape(g.shape)
    rows = (share[..., None] * problem.lam - moved).unflatten(2, (model.d, model.c))
    return torch.einsum("tndc,md->tnmc", rows, x)
