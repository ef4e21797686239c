"""Cook's distance (Cook 1977; 003, eqs 5 and 6): how far a removal moves lam*, and its scalar forms.

    shift      lam* - lam*_{-p}                     the sign of 003, eq. 5; eq. 6 for groups
    distance   shift' H shift / p                   H the Hessian of F before the removal, p = len(lam)
lam*_{-p} is one Newton step on the removed objective (exact where F is quadratic), or solved again
(`resolved=True`). To first order shift = weight times d lam*/d weight, so the influence function is
Cook's distance for small changes, with this sign. The classical D of one-output least squares without
regulariser is distance / s^2, s^2 = residual sum of squares / (n - p). Cost: a dense solve a removal.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence import removal
from metainfl.numbers import flag
from metainfl.problem.perturbation import Perturbation


def cook_shift(
    problem: Problem, perturbations: Sequence[Perturbation], *, resolved: bool = False
) -> Tensor:
    """lam* - lam*_{-p} (n, p)."""
    after = removal.resolved if flag(resolved, "resolved", InvalidOption) else removal.newton
    return problem.lam - after(problem, perturbations)


def cook_distance(
    problem: Problem, perturbations: Sequence[Perturbation], *, resolved: bool = False
) -> Tensor:
    """Shift' H shift / p (n,): at least 0 at a minimiser, in units of the loss."""
    shift = cook_shift(problem, perturbations, resolved=resolved)
    moved = problem.hessian_product(problem.lam, shift.T).T
    return (shift * moved).sum(1) / problem.n_meta
