"""The identity in place of H: influence becomes minus the total gradient (a gradient dot product)."""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.solve.operator import SymmetricOperator


def identity(problem: Problem) -> SymmetricOperator:
    """I."""
    lam = problem.lam
    return SymmetricOperator(len(lam), Tensor.clone, lam, low=1.0)
