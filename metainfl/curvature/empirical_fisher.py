"""Empirical Fisher over tasks: F = sum_i w_i g_i g_i' + outer_reg I, g_i = D L_O^i.

Not an approximation of the Hessian near a minimum with residuals; a common stand-in, kept for the ledger.
Its rank is at most the number of tasks; `task_gradients` is the factored form.
"""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.solve.operator import SymmetricOperator


def empirical_fisher(problem: Problem) -> SymmetricOperator:
    """F at problem.lam."""
    g, w = problem.task_gradients(problem.lam), problem.tasks.w

    def apply(v: Tensor) -> Tensor:
        along = g @ v
        return g.T @ (w * along if v.ndim == 1 else w[:, None] * along) + problem.prior(v)

    return SymmetricOperator(problem.n_meta, apply, problem.lam, flat=problem.tangent())
