"""The refusal of a matrix that is not definite, with the amount that would make it so."""

from __future__ import annotations

import torch

from metainfl.errors import SingularHessian
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.spectrum import lanczos

PRODUCTS = 30  # that the amount in a refusal may cost


def floor(a: SymmetricOperator) -> float:
    """Times the largest eigenvalue: below this an eigenvalue is zero to rounding."""
    return torch.finfo(a.like.dtype).eps * a.size


def suggested(low: float, high: float, eps: float) -> float:
    """Damping that lifts `low` to sqrt(eps) times the largest, a tenth of itself in reserve."""
    lift = eps**0.5 * max(abs(high), abs(low))
    return 1.1 * max(-low, 0.0) + lift


def refuse(what: str, low: float, high: float, eps: float) -> SingularHessian:
    """The error for extreme eigenvalues `low` and `high`, `what` first."""
    if low == high == 0:
        return SingularHessian(
            f"{what}: every eigenvalue is 0, so F is as good as constant there. Set outer_reg above 0, give "
            "tasks and instances weights above 0, or go to another lam; no damping follows from it",
            lowest=0.0,
            highest=0.0,
        )
    damping = suggested(low, high, eps)
    ways = (
        "if layers can be turned without changing any loss, "
        "problem.replaced(symmetry=metainfl.symmetry.find(problem)) takes those directions out"
    )
    if low < -(eps**0.75) * abs(high):  # not for the sign of a zero
        ways = "curvature.gauss_newton has no negative eigenvalues; " + ways
    return SingularHessian(
        f"{what}: smallest eigenvalue {low:.3g} against largest {high:.3g}. Damping of {damping:.2g} "
        f"makes it definite, and so does that much more outer_reg; {ways}",
        lowest=low,
        highest=high,
        damping=damping,
    )


def refusal_of(what: str, a: SymmetricOperator, seen: float = 0.0) -> SingularHessian:
    """The same where only `seen`, one Rayleigh quotient, is known: a few products find the ends."""
    s = lanczos(a, PRODUCTS)
    return refuse(what, min(s.low, seen), s.high, torch.finfo(a.like.dtype).eps)
