"""Newton's method for F: damped far away, undamped close by, to the rounding of the gradient."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from metainfl.errors import Interrupted, NotConverged


class Objective(Protocol):
    """What is minimised."""

    def objective(self, lam: Tensor) -> Tensor:
        """F."""
        ...

    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        ...

    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p)."""
        ...


def newton(problem: Objective, lam: Tensor, *, max_steps: int = 200) -> Tensor:
    """A minimiser of F near `lam` (p,). Needs the dense Hessian: up to a few thousand parameters.

    Eigenvalues are taken absolute, so a saddle repels; directions without curvature or slope (a
    symmetry) are left alone. Raises `NotConverged` with the last iterate as its `result`.
    """
    here = [lam]
    try:
        return _steps(problem, here, max_steps)
    except KeyboardInterrupt:
        raise Interrupted(
            "minimising F interrupted; `result` holds the last iterate", here[0]
        ) from None


def _steps(problem: Objective, here: list[Tensor], max_steps: int) -> Tensor:
    """The iteration; `here` holds where it stands."""
    lam = here[0]
    eps = torch.finfo(lam.dtype).eps
    value, best = problem.objective(lam), float("inf")
    for _ in range(max_steps):
        g = problem.gradient(lam)
        values, vectors = torch.linalg.eigh(problem.hessian(lam))
        top = values.abs().max()
        live = values.abs() > eps**0.55 * top
        step = -(vectors[:, live] @ ((vectors[:, live].T @ g) / values[live].abs()))
        size = float(step.norm() / (1 + lam.norm()))
        if size <= 4 * eps or (size >= best and size <= eps**0.625):
            return lam
        if size <= eps**0.4:  # the objective no longer resolves the progress of a full step
            best = min(best, size)
            lam = here[0] = lam + step
            value = problem.objective(lam)
            continue
        length, slope = 1.0, g @ step
        while problem.objective(lam + length * step) > (
            value + 1e-4 * length * slope + 16 * eps * value.abs()
        ):
            length /= 2
            if length < 1e-10:
                raise NotConverged(
                    f"no descent along Newton's direction (|gradient| {g.norm():.3g})", lam
                )
        lam = here[0] = lam + length * step
        value = problem.objective(lam)
    raise NotConverged(
        f"F was not minimised in {max_steps} Newton steps (last step {size:.3g})", lam
    )
