"""The Hessian of a linear model without adaptation, in closed form: sum_n w_n x_n x_n' (x) l''(y_n).

The generic route differentiates p columns; here one matrix product for each output does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import hessian, vmap

from metainfl.adaptation.none import NoAdaptation
from metainfl.problem.model import Linear

if TYPE_CHECKING:
    from metainfl.derive.problem import Problem


def applies(problem: Problem) -> bool:
    """A `Linear` model, used as it is."""
    return isinstance(problem.adaptation, NoAdaptation) and isinstance(
        problem.setting.model, Linear
    )


def linear_hessian(problem: Problem, lam: Tensor) -> Tensor:
    """H (p, p), outer_reg included; chunked over tasks."""
    model = problem.setting.model
    assert isinstance(model, Linear)
    d, c = model.d, model.c
    out = lam.new_zeros(d, c, d, c)

    def curved(y: Tensor, target: Tensor) -> Tensor:
        return hessian(lambda at: problem.outer_loss(at[None], target[None])[0])(y)

    for view, w, _ in problem.chunks(lam):
        x = view.query_x.flatten(0, 1)
        each = vmap(curved)(x @ lam.reshape(d, c), view.query_y.flatten(0, 1))  # (n, c, c)
        each = (w[:, None] * view.query_weight).flatten()[:, None, None] * each
        for a in range(c):  # one product for row a of the blocks, from the diagonal on
            right = each[:, a, a:, None] * x[:, None, :]
            row = (x.T @ right.flatten(1)).reshape(d, c - a, d)
            out[:, a, :, a:] += row.transpose(1, 2)
            out[:, a + 1 :, :, a] += row[:, 1:].permute(2, 1, 0)
    eye = torch.eye(d * c, dtype=lam.dtype, device=lam.device)
    return (out.reshape(d * c, d * c) + problem.outer_reg * eye).detach()
