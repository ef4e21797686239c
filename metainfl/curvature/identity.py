"""The identity in place of H: influence becomes minus the total gradient (a gradient dot product)."""

from __future__ import annotations

import torch

from metainfl.derive.problem import Problem
from metainfl.solve.operator import SymmetricOperator


def identity(problem: Problem) -> SymmetricOperator:
    """I."""
    lam = problem.lam
    eye = torch.eye(len(lam), dtype=lam.dtype, device=lam.device)
    return SymmetricOperator(len(lam), lambda v: v, lam, eye)
