"""Theorem 5.1 of paper 001: the total Hessian with its two expensive terms replaced by Gamma.

    H ~ sum_i w_i (H_dd + H_da + H_ad) + (Gamma + outer_reg) I,   Gamma = sum_i w_i |dL_O^i/dtheta|_1
with d the direct and a the adapted argument (Remark 4.4's cross term, symmetrised). An approximation:
where L_O reads lam only through theta the first part is zero and task-IF becomes a scaled gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.loop import each, total
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack
from metainfl.derive.vectors import rows_of
from metainfl.operations.forward import jvp
from metainfl.problem.tasks import TaskView
from metainfl.solve.operator import SymmetricOperator


def gamma(problem: Problem) -> SymmetricOperator:
    """Theorem 5.1's matrix at problem.lam, as products."""
    lam, size = problem.lam, float(gamma_value(problem))

    def one(v: Tensor, task: TaskView, state: Any) -> Tensor:
        def loss(direct: Tensor, adapted: Tensor) -> Tensor:
            return problem.split_loss(direct, adapted, task, state)

        by_direct, by_adapted = grad(loss, argnums=0), grad(loss, argnums=1)
        dd = jvp(lambda at: by_direct(at, lam), (lam,), (v,))[1]
        da = jvp(lambda at: by_direct(lam, at), (lam,), (v,))[1]
        ad = jvp(lambda at: by_adapted(at, lam), (lam,), (v,))[1]
        return dd + da + ad

    plan = problem.settled(lam)
    tasks = vmap(one, in_dims=(None, 0, 0))

    def apply(vectors: Tensor) -> Tensor:
        rows = rows_of(vectors)

        def product(stack: Stack) -> Tensor:
            each = vmap(tasks, in_dims=(0, None, None), chunk_size=plan.width(len(stack.w)))
            return torch.einsum("t,ktp->kp", stack.w, each(rows, stack.view, stack.state))

        start = problem.outer_reg * rows + size * rows
        found = total(problem, lam, product, start, size=plan.chunk, of=(rows,))
        return found.T.reshape(vectors.shape)

    return SymmetricOperator(problem.n_meta, apply, lam)


def gamma_value(problem: Problem) -> Tensor:
    """Gamma, a scalar: the weighted sum over tasks of |dL_O/dtheta|_1."""
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        theta = problem.adapted(lam, task, state)
        return grad(lambda th: problem.loss_at(lam, th, task))(theta).abs().sum()

    return problem.tasks.w @ each(problem, lam, one, size=problem.plan.chunk)
