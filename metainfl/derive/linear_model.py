"""The Hessian of a linear model without adaptation, in closed form: sum_n w_n x_n x_n' (x) l''(y_n).

The generic route differentiates p columns; here one matrix product for each output does it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.adaptation.none import NoAdaptation
from metainfl.derive.loop import total
from metainfl.derive.stacks import Stack
from metainfl.operations.forward import jacfwd
from metainfl.problem import Definition, Linear, cross_entropy, squared


def applies(problem: Definition) -> bool:
    """A `Linear` model, used as it is, and a loss of one instance alone: what a user wrote may do else."""
    plain = type(problem.adaptation) is NoAdaptation and type(problem.setting.model) is Linear
    return plain and problem.outer_loss in (squared, cross_entropy)


def linear_hessian(problem: Definition, lam: Tensor, size: int) -> Tensor:
    """H (p, p), outer_reg included; `size` tasks at a time."""
    model = problem.setting.model
    assert isinstance(model, Linear)
    d, c = model.d, model.c

    def curved(y: Tensor, target: Tensor) -> Tensor:
        def loss(at: Tensor) -> Tensor:
            return problem.outer_loss(at[None], target[None])[0]

        found: Tensor = jacfwd(grad(loss))(y)
        return found

    def one(stack: Stack) -> Tensor:
        view = stack.view
        out = lam.new_zeros(d, c, d, c)
        x = view.query_x.flatten(0, 1)
        each = vmap(curved)(x @ lam.reshape(d, c), view.query_y.flatten(0, 1))  # (n, c, c)
        each = (stack.w[:, None] * view.query_weight).flatten()[:, None, None] * each
        for a in range(c):  # one product for row a of the blocks, from the diagonal on
            right = each[:, a, a:, None] * x[:, None, :]
            row = (x.T @ right.flatten(1)).reshape(d, c - a, d)
            out[:, a, :, a:] += row.transpose(1, 2)
            out[:, a + 1 :, :, a] += row[:, 1:].permute(2, 1, 0)
        return out.reshape(d * c, d * c)

    eye = torch.eye(d * c, dtype=lam.dtype, device=lam.device)
    return total(problem, lam, one, problem.prior(eye), size=size)
