"""The direct Hessian of 001 eq. 7: second partial derivatives of L_O in lam, theta held fixed.

H_direct = sum_i w_i d_lam d_lam L_O^i + outer_reg I
"""

from __future__ import annotations

from metainfl.curvature.exact import exact
from metainfl.derive.problem import Problem
from metainfl.solve.operator import SymmetricOperator


def direct(problem: Problem) -> SymmetricOperator:
    """The exact Hessian of the problem whose adaptation is frozen.

    Partial derivatives do not share a symmetry of F: no direction is known to be flat.
    """
    return exact(problem.replaced(adaptation=problem.adaptation.frozen(), symmetry=None))
