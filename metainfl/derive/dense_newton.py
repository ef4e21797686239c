"""Newton's method with the dense Hessian: damped far away, undamped close by.

Eigenvalues are taken absolute, so a saddle repels; directions without curvature or slope (a symmetry)
are left alone. Up to a few hundred parameters: p products and O(p^3) a step.
"""

from __future__ import annotations

import torch

from metainfl.derive.minimise import Minimisation, Objective, resolved
from metainfl.derive.saddle import escape


def dense_newton(problem: Objective, run: Minimisation, max_steps: int) -> None:
    """Steps until the gradient is rounding; the account is kept in `run`."""
    lam = run.lam
    eps = torch.finfo(lam.dtype).eps
    value, best, size = problem.objective(lam), float("inf"), float("inf")
    while run.steps < max_steps:
        g = problem.gradient(lam)
        run.value, run.slope = float(value), float(g.norm())
        run.tell()
        values, vectors = torch.linalg.eigh(problem.hessian(lam))
        run.gradients, run.products = run.gradients + 1, run.products + len(lam)
        top = values.abs().max()
        live = values.abs() > eps**0.55 * top
        run.negative += bool((values[live] < 0).any())
        step = -(vectors[:, live] @ ((vectors[:, live].T @ g) / values[live].abs()))
        size = float(step.norm() / (1 + lam.norm()))
        if size <= 4 * eps or (size >= best and size <= eps**0.625):
            if values[0] < -(eps**0.5) * top:  # stationary, and no minimum
                if not escape(problem, run):
                    run.reason = f"a saddle that no step leaves (lowest eigenvalue {values[0]:.2g})"
                    return
                lam, best, run.steps = run.lam, float("inf"), run.steps + 1
                value = problem.objective(lam)
                continue
            run.reason, run.converged = "a local minimum, to rounding", True
            return
        run.steps += 1
        if not resolved(size, lam.dtype):
            best = min(best, size)
            lam = run.lam = lam + step
            value = problem.objective(lam)
            continue
        length, slope = 1.0, g @ step
        while not problem.objective(lam + length * step) <= (
            value + 1e-4 * length * slope + 16 * eps * value.abs()
        ):
            length /= 2
            if length < 1e-10:
                run.reason = f"no descent along Newton's direction (|gradient| {g.norm():.3g})"
                return
        lam = run.lam = lam + length * step
        value = problem.objective(lam)
    run.reason = f"not minimised in {max_steps} Newton steps (last step {size:.3g})"
