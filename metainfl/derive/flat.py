"""Whether F is flat along a symmetry that was given: influence is taken off it, so it had better be one.

    stationary lam    H t = 0:  |H t| against |H v| of a direction v that is nothing special
    elsewhere         t' grad F = 0, against the sizes of the gradient's terms
for one t drawn among the directions of the symmetry at lam.
"""

from __future__ import annotations

import torch

from metainfl.derive.problem import Problem
from metainfl.derive.stationary import terms, tolerance_of
from metainfl.errors import InvalidProblem

#: of eps, as a power. Along a symmetry H t is minus a turn of the gradient, so at most about eps^(5/8) of the
#: terms where lam counts as stationary; an eigenvalue that a solve could tell from 0 is above
LEVEL = 0.4


def require_flat(problem: Problem, residual: float) -> None:
    """Raises `InvalidProblem` where F changes along the symmetry that `problem` was given."""
    lam, basis = problem.lam, problem.tangent()
    if basis is None or not basis.shape[1]:
        return
    draw = torch.Generator().manual_seed(0)
    mix = torch.randn(basis.shape[1], generator=draw, dtype=torch.float64, device="cpu").to(lam)
    v = torch.randn(len(lam), generator=draw, dtype=torch.float64, device="cpu").to(lam)
    t, v = basis @ mix, v / v.norm()
    t = t / t.norm()
    level = float(torch.finfo(lam.dtype).eps ** LEVEL)
    if residual <= tolerance_of(lam):
        flat, usual = problem.hessian_product(lam, torch.stack([t, v], dim=1)).norm(dim=0).tolist()
        if flat > level * usual:
            raise InvalidProblem(
                f"F curves along the symmetry that was given: {flat:.2g} where directions that are nothing "
                f"special have {usual:.2g}, so influence off it would be wrong. {ADVICE}"
            )
        return
    g, scale = terms(problem, lam, problem.plan.chunk)
    slope = abs(float(t @ g))
    if slope > level * scale:
        raise InvalidProblem(
            f"F slopes along the symmetry that was given: {slope:.2g} where the gradient's terms have "
            f"{scale:.2g}, so influence off it would be wrong. {ADVICE}"
        )


ADVICE = (
    "A regulariser with a precision a parameter, weights or losses of another kind end a symmetry: "
    "problem.replaced(symmetry=metainfl.symmetry.find(problem)) gives what there is (None: there is none)"
)
