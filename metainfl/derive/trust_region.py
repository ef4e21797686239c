"""Trust-region Newton by conjugate gradients (Steihaug; Nocedal and Wright, algorithm 7.2).

Only products with H are used, and those at one lam share what they can. A direction of negative
curvature is followed to the edge of the region. Close by, where F no longer resolves the progress, a
step is judged by the gradient instead, and equations are solved more and more tightly: convergence is
superlinear down to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.lbfgs import approach
from metainfl.derive.minimise import Minimisation, Objective, Products
from metainfl.derive.saddle import escape

APPROACH = 1000  # gradients at most before the first Newton equation
TIGHT = 1e-3  # the tightest that a Newton equation is solved before the last steps


def trust_region(problem: Objective, run: Minimisation, max_steps: int) -> None:
    """Steps until the gradient is rounding and no descent is left; the account is kept in `run`."""
    _steps(problem, run, max_steps)
    while run.converged and escape(problem, run):
        run.converged = False
        run.reason = "left a saddle"
        _steps(problem, run, max_steps)


def _steps(problem: Objective, run: Minimisation, max_steps: int) -> None:
    start = float(problem.gradient(run.lam).norm())
    approach(problem, run, APPROACH)
    lam = run.lam
    eps = torch.finfo(lam.dtype).eps
    value, g = float(problem.objective(lam)), problem.gradient(lam)
    first, radius, stalled = max(start, float(g.norm())), 1.0 + float(lam.norm()), 0
    run.gradients, best = run.gradients + 2, float("inf")
    while run.steps < max_steps:
        run.value, run.slope = value, float(g.norm())
        run.tell()
        products = problem.products(lam)
        forcing = min(0.1, max(TIGHT, (run.slope / max(first, 1e-300)) ** 0.5))
        step, ends = steihaug(products, g, radius, forcing, run)
        size = float(step.norm())
        run.negative += ends == "negative curvature"
        if size <= 4 * eps * (1 + float(lam.norm())):
            return _finish(problem, run, ends)
        predicted = -float(g @ step + 0.5 * (step @ _one(products, step, run)))
        there = lam + step
        new, slope = float(problem.objective(there)), problem.gradient(there)
        run.gradients, run.steps = run.gradients + 1, run.steps + 1
        blind = predicted <= 64 * eps * (1 + abs(value))  # F's rounding hides the progress
        if blind:
            good = float(slope.norm()) < run.slope
            ratio = 1.0 if good else 0.0
        else:
            ratio = (value - new) / predicted if new == new else -1.0
            good = ratio > 1e-4
        if good:
            lam, value, g = there, new, slope
            run.lam = lam
        if ratio < 0.25:
            radius = 0.25 * min(radius, size)
        elif ratio > 0.75 and ends != "inside" and not blind:
            radius = 2 * max(radius, size)
        if blind:
            now = float(slope.norm())
            stalled = stalled + 1 if now > 0.5 * best else 0
            best = min(best, now)
            if stalled >= 2 or not good:
                return _finish(problem, run, ends)
    run.reason = f"not minimised in {max_steps} steps (|gradient| {run.slope:.3g})"


def _finish(problem: Objective, run: Minimisation, ends: str) -> None:
    """Says whether the place where nothing moves any more is a minimum."""
    run.residual = problem.residual(run.lam)
    eps = torch.finfo(run.lam.dtype).eps
    run.converged = run.residual <= eps**0.625 and ends != "negative curvature"
    run.reason = (
        "a local minimum, to rounding"
        if run.converged
        else f"progress ended at relative gradient {run.residual:.2g}"
    )


def _one(products: Products, v: Tensor, run: Minimisation) -> Tensor:
    run.products += 1
    return products(v)


def steihaug(
    products: Products, g: Tensor, radius: float, forcing: float, run: Minimisation
) -> tuple[Tensor, str]:
    """A step s with g's + s'Hs/2 small in |s| <= radius, and how it ended: inside, edge or negative
    curvature.
    """
    step, r = torch.zeros_like(g), g.clone()
    d, rr = -r, float(r @ r)
    goal = (forcing * float(g.norm())) ** 2
    eps = torch.finfo(g.dtype).eps
    for _ in range(2 * len(g)):
        if rr <= goal:
            break
        hd = _one(products, d, run)
        curvature, length = float(d @ hd), float(d @ d)
        if curvature <= -eps * len(g) * float(hd.norm()) * length**0.5:
            return _to_edge(step, d, radius), "negative curvature"
        if curvature <= eps * len(g) * float(hd.norm()) * length**0.5:
            break  # a direction without curvature: leave it alone
        alpha = rr / curvature
        if float((step + alpha * d).norm()) >= radius:
            return _to_edge(step, d, radius), "edge"
        step, r = step + alpha * d, r + alpha * hd
        new = float(r @ r)
        d, rr = -r + (new / rr) * d, new
    return step, "inside"


def _to_edge(step: Tensor, d: Tensor, radius: float) -> Tensor:
    """Along d to |step + t d| = radius, t > 0."""
    a, b, c = float(d @ d), float(step @ d), float(step @ step) - radius**2
    root = max(b * b - a * c, 0.0) ** 0.5
    t = (-b + root) / a if b <= 0 else -c / (b + root)
    return step + t * d
