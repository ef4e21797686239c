"""Whether lam is a minimum of its own, so that there is a derivative of it to hold a method against."""

from __future__ import annotations

import torch

from metainfl.curvature import exact
from metainfl.derive.minimise import DENSE
from metainfl.derive.problem import Problem
from metainfl.solve.refuse import refuse
from metainfl.solve.spectrum import lanczos

PRODUCTS = 30  # with the Hessian, where it is not made as a matrix
WHAT = "lam is stationary, but no minimum of its own: there lam* has no derivative, and no method one to give"


def require_minimum(problem: Problem) -> None:
    """Raises `SingularHessian` where H has an eigenvalue that is not above rounding, off the known symmetry.

    Up to `DENSE` parameters by all eigenvalues, else by those that a few products see: then a saddle may be
    missed, and no minimum is refused.
    """
    low, high = _ends(problem)
    eps = float(torch.finfo(problem.lam.dtype).eps)
    if low <= problem.n_meta * eps * abs(high):
        raise refuse(WHAT, low, high, eps)


def _ends(problem: Problem) -> tuple[float, float]:
    """The smallest and the largest eigenvalue of H."""
    if problem.n_meta > DENSE:
        seen = lanczos(exact(problem), PRODUCTS)
        return float(seen.low), float(seen.high)
    h, flat = problem.hessian(problem.lam), problem.tangent()
    if flat is not None:
        rest = torch.linalg.qr(flat, mode="complete")[0][:, flat.shape[1] :]
        h = rest.T @ h @ rest
    values = torch.linalg.eigvalsh(h)
    return float(values[0]), float(values[-1])
