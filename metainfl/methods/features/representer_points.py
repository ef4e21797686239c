"""Representer points (Yeh et al. 2018; 003, eqs 37-47): a prediction as a sum over training instances.

    f(x_t) = sum_i part_i(x_t),     part_i(x_t) = alpha_i (x_i . x_t),    alpha_i = -(w_i / outer_reg) l'_i
    lam    = sum_k row_k,           row_k = -(w_k / outer_reg) D L_k      (any problem, meta-learners too)
Estimand: nothing counterfactual, a decomposition; exact where F is stationary, since there outer_reg lam is
minus the sum of gradients. Scale: eqs 39-46 have a mean over n and a regulariser with gradient lambda theta
(docs/errata.md on eq. 37), F here is a sum, so their 1/(lambda n) is 1/outer_reg. Sign: positive raises the
output. For networks take `last_layer.head` first. Cost: one gradient an instance; no solve.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad

from metainfl.adaptation import NoAdaptation
from metainfl.derive.failure import named
from metainfl.derive.padding import without_padding
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem import Linear


def task_rows(problem: Problem) -> Tensor:
    """-(w_k / outer_reg) D L_k, one row a task (T, p): they add up to lam."""
    reg = _regulariser(problem)
    problem.check_stationary()
    return -problem.tasks.w[:, None] * problem.task_gradients(problem.lam) / reg


def alphas(problem: Problem) -> Tensor:
    """Alpha (T, n_q, c) of a single-level problem with a `Linear` model."""
    reg = _regulariser(problem)
    if not isinstance(problem.adaptation, NoAdaptation) or not isinstance(
        problem.setting.model, Linear
    ):
        raise InvalidProblem(
            "representer points are of linear models without adaptation: take "
            "metainfl.methods.features.last_layer.head(problem), or task_rows for whole tasks"
        )
    if isinstance(reg, Tensor):
        raise InvalidProblem("representer points need one outer_reg for all parameters")
    problem.check_stationary()
    return -slopes(problem) / reg


def representer_points(problem: Problem, x: Tensor) -> Tensor:
    """Each instance's part of the outputs at x (m, d): (T, n_q, m, c); over T and n_q they add up."""
    kernel = torch.einsum("tnd,md->tnm", without_padding(problem.tasks.view()).query_x, x)
    return kernel[..., None] * alphas(problem)[:, :, None, :]


def slopes(problem: Problem) -> Tensor:
    """w_i v_ij dl_ij/d output (T, n_q, c) of a linear single-level problem at lam."""
    model, t = problem.setting.model, problem.tasks
    view = without_padding(t.view())
    target = view.query_y.flatten(0, 1)
    with named():
        y = model(problem.lam, view.query_x.flatten(0, 1))
        each = grad(lambda out: problem.outer_loss(out, target).sum())(y).detach()
    weight = t.w[:, None, None] * view.query_weight[:, :, None]
    return weight * each.reshape(*view.query_x.shape[:2], -1)


def _regulariser(problem: Problem) -> float | Tensor:
    reg = problem.outer_reg
    if not bool(torch.as_tensor(reg, device="cpu").min() > 0):
        raise InvalidProblem(
            "the representer theorem needs outer_reg > 0: without it lam is no sum of gradients; take "
            "metainfl.methods.features.rps_lje"
        )
    return reg
