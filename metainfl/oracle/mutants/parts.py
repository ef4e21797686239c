"""What the specimens are built from: the exact pieces, before anything is broken."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.oracle.mutants.kept import columns, hessian

__all__ = ["columns", "eye", "hessian", "solved", "system", "truth"]


def eye(problem: Problem) -> Tensor:
    """Identity (p, p)."""
    return torch.eye(problem.n_meta, dtype=problem.lam.dtype, device=problem.lam.device)


def solved(problem: Problem, curvature: Tensor, rhs: Tensor) -> Tensor:
    """-H^{-1} rhs, rows (n, p), H = `curvature`, off the symmetry; least squares where H is singular."""
    off = problem.tangent()
    if off is None:
        off = curvature.new_zeros(len(curvature), 0)
    rest = torch.linalg.qr(off, mode="complete")[0][:, off.shape[1] :]
    inner = rest.T @ curvature @ rest
    return -(rest @ torch.linalg.lstsq(inner, rest.T @ rhs.T, driver="gelsd").solution).T


def truth(problem: Problem, pis: list[Any]) -> Tensor:
    """The exact derivative (n, p), as it is: nothing is looked at on the way."""
    return solved(problem, hessian(problem), columns(problem, pis))


def system(problem: Problem, pis: list[Any]) -> tuple[Tensor, Tensor]:
    """H (p, p) and the right-hand sides (p, n) that a solver is given."""
    return hessian(problem), columns(problem, pis).T
