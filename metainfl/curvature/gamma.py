"""Theorem 5.1 of paper 001: the total Hessian with its two expensive terms replaced by Gamma.

    H ~ sum_i w_i (H_dd + H_da + H_ad) + (Gamma + outer_reg) I,   Gamma = sum_i w_i |dL_O^i/dtheta|_1
with d the direct and a the adapted argument (Remark 4.4's cross term, symmetrised). An approximation:
where L_O reads lam only through theta the first part is zero and task-IF becomes a scaled gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from metainfl.derive.problem import Problem
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

    def apply(vectors: Tensor) -> Tensor:
        columns = vectors.reshape(len(vectors), -1).T
        total = (problem.outer_reg + size) * columns
        for view, w, state in problem.chunks(lam):
            tasks = vmap(one, in_dims=(None, 0, 0))
            width = problem.columns_at_once(len(w), lam)
            each = vmap(tasks, in_dims=(0, None, None), chunk_size=width)(columns, view, state)
            total = total + torch.einsum("t,ktp->kp", w, each)
        return total.T.reshape(vectors.shape).detach()

    return SymmetricOperator(problem.n_meta, apply, lam)


def gamma_value(problem: Problem) -> Tensor:
    """Gamma, a scalar: the weighted sum over tasks of |dL_O/dtheta|_1."""
    lam, total = problem.lam, problem.lam.new_zeros(())

    def one(task: TaskView, state: Any) -> Tensor:
        theta = problem.adaptation.adapt(problem.setting, lam, task, state)

        def loss(th: Tensor) -> Tensor:
            outputs = problem.adaptation.outputs(problem.setting, lam, th, task.query_x)
            value = (task.query_weight * problem.outer_loss(outputs, task.query_y)).sum()
            if problem.direct:
                value = value + 0.5 * problem.direct * (th - lam).square().sum()
            return value

        return grad(loss)(theta).abs().sum()

    for view, w, state in problem.chunks(lam):
        total = total + w @ vmap(one)(view, state)
    return total.detach()
