"""Newton's method with the dense Hessian: damped far away, undamped close by.

Eigenvalues are taken absolute, so a saddle repels; directions without curvature or slope (a symmetry)
are left alone. Close by, those of little curvature, yet more than rounding, are followed while F slopes
along them, and then as long as it helps (`valley`). One of no curvature that F slopes along ends the
minimisation, unconverged. Up to a few hundred parameters: p products and O(p^3) a step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.minimise import Minimisation, Objective, resolved
from metainfl.derive.saddle import escape
from metainfl.derive.stationary import allowed, tolerance_of
from metainfl.derive.valley import REACHED, Valley


def dense_newton(problem: Objective, run: Minimisation, max_steps: int) -> None:
    """Steps until the gradient is rounding; the account is kept in `run`."""
    valley = Valley()
    _steps(problem, run, max_steps, valley)
    if not run.converged:
        valley.back(run)


def _steps(problem: Objective, run: Minimisation, max_steps: int, valley: Valley) -> None:
    lam = run.lam
    eps = torch.finfo(lam.dtype).eps
    value, best, size = problem.objective(lam), float("inf"), float("inf")
    while run.steps < max_steps:
        g = problem.gradient(lam)
        run.value, run.slope = float(value), float(g.norm())
        run.tell()
        hessian = problem.hessian(lam)
        values, vectors = torch.linalg.eigh(hessian)
        run.gradients, run.products = run.gradients + 1, run.products + len(lam)
        top = values.abs().max()
        live = values.abs() > eps**0.55 * top
        run.negative += bool((values[live] < 0).any())
        step = _newton(g, values, vectors, live)
        size = float(step.norm() / (1 + lam.norm()))
        most, sloped, soft = 0.0, torch.zeros_like(live), torch.zeros_like(live)
        if not resolved(size, lam.dtype):
            terms, reach = _sizes(problem, lam, g, hessian)
            most = allowed(lam, terms, reach)
            steep = (vectors.T @ g).abs() > tolerance_of(lam) * (terms + reach)
            soft = ~live & (values > eps * len(lam) * top)
            sloped, soft = ~live & ~soft & steep, soft & ~steep
            step = _newton(g, values, vectors, ~sloped & (live | steep))
            size = float(step.norm() / (1 + lam.norm()))
        done = size <= 4 * eps or (size >= best and size <= eps**0.625)
        rounding, endless = run.slope <= most, bool(sloped.any())
        if done and not (rounding or endless) and size < best:  # lam is small, not the step: go on
            done = False
        if done:
            if values[0] < -(eps**0.5) * top:  # stationary, and no minimum
                valley.forget()
                if escape(problem, run) != "left":
                    run.reason = f"a saddle that no step leaves (lowest eigenvalue {values[0]:.2g})"
                    return
                lam, best, run.steps = run.lam, float("inf"), run.steps + 1
                value = problem.objective(lam)
                continue
            along = _newton(g, values, vectors, soft)
            if rounding and not endless and valley.goes_on(run, along, float(value)):
                lam, best, run.steps = run.lam, float("inf"), run.steps + 1
                value = problem.objective(lam)
                continue
            run.reason, run.converged = REACHED, rounding
            if endless:
                run.reason, run.converged = _endless(g, values, vectors, sloped), False
            elif not rounding:
                run.reason = "progress ended before the gradient was rounding"
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


def _newton(g: Tensor, values: Tensor, vectors: Tensor, live: Tensor) -> Tensor:
    """Newton's step in the eigenvectors that are `live`."""
    kept = vectors[:, live]
    return -(kept @ ((kept.T @ g) / values[live].abs()))


def _sizes(problem: Objective, lam: Tensor, g: Tensor, hessian: Tensor) -> tuple[float, float]:
    """What the gradient is rounding relative to: the sizes of its terms, and |H lam| (see `stationary`)."""
    residual = problem.residual(lam)
    terms = float(g.norm()) / residual if residual > 0 else 0.0
    return terms, float((hessian @ lam).norm())


def _endless(g: Tensor, values: Tensor, vectors: Tensor, sloped: Tensor) -> str:
    """Why there is no minimum to be found along the `sloped` directions: names the steepest."""
    slopes = (vectors.T @ g).abs() * sloped
    worst = int(slopes.argmax())
    entry = int(vectors[:, worst].abs().argmax())
    return (
        f"F slopes by {float(slopes[worst]):.3g} along a direction of no positive curvature "
        f"({float(values[worst]):.2g} against {float(values.abs().max()):.2g}; its largest entry is "
        f"parameter {entry}): F has no minimum along it that can be resolved, so raise outer_reg, or "
        "scale the features alike"
    )
