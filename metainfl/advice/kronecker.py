"""How far EK-FAC is from a problem's Hessian: what its promise rests on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.curvature import ekfac, exact
from metainfl.derive.problem import Problem
from metainfl.errors import MetainflError
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.spectrum import lanczos


@dataclass(frozen=True)
class Kept:
    """residual: |(H - EK-FAC) v| / |H v| over random v. gap: |H - EK-FAC| in the 2-norm, an estimate from
    below where Lanczos did not see the whole space. low: EK-FAC's smallest eigenvalue.
    """

    residual: float
    gap: float
    low: float


def kept(problem: Problem, steps: int, probes: int = 4) -> Kept | None:
    """EK-FAC beside H at problem.lam; None where EK-FAC is not defined. 2 `steps` products at most."""
    if not isinstance(problem.adaptation, NoAdaptation):
        return None
    try:
        other = ekfac(problem)
    except MetainflError:
        return None
    h = exact(problem)

    def apart(v: Tensor) -> Tensor:
        return h @ v - other @ v

    s = lanczos(SymmetricOperator(problem.n_meta, apart, problem.lam), steps)
    low = min(float(values.min()) for _, _, values in other.parts) + other.shift
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(problem.n_meta, probes, generator=generator, dtype=torch.float64, device="cpu")
    v = v.to(problem.lam)
    residual = float(apart(v).norm() / (h @ v).norm())
    return Kept(residual, max(s.high, -s.low), low)
