"""Trust-region Newton by conjugate gradients (Nocedal and Wright, algorithm 4.1 with 7.2).

Only products with H are used, and those at one lam share what they can; up to some thousand parameters an
earlier H is the metric of the region (`metric`). Close by, where F no longer resolves the progress, a
step is judged by the gradient instead, and equations are solved more and more tightly: convergence is
superlinear down to rounding.
"""

from __future__ import annotations

import torch

from metainfl.derive.lbfgs import approach
from metainfl.derive.metric import Metric, Renewal, affordable
from metainfl.derive.minimise import Minimisation, Objective
from metainfl.derive.saddle import escape
from metainfl.derive.steihaug import steihaug

APPROACH = 1000  # gradients at most before the first Newton equation
SHORT = 0.25  # gradients a parameter, at most, where a metric takes over
TIGHT = 1e-3  # the tightest that a Newton equation is solved before the last steps


def trust_region(problem: Objective, run: Minimisation, max_steps: int) -> None:
    """Steps until the gradient is rounding and no descent is left; the account is kept in `run`."""
    _steps(problem, run, max_steps)
    while run.converged:
        found = escape(problem, run)
        if found == "minimum":
            return
        run.converged, run.reason = False, "left a saddle"
        if found == "held":
            run.reason = "a saddle that no step leaves"
            return
        _steps(problem, run, max_steps)


def _steps(problem: Objective, run: Minimisation, max_steps: int) -> None:
    start = float(problem.gradient(run.lam).norm())
    p = len(run.lam)
    approach(problem, run, min(APPROACH, int(SHORT * p) + 10) if affordable(p) else APPROACH)
    lam = run.lam
    eps = torch.finfo(lam.dtype).eps
    value, g = float(problem.objective(lam)), problem.gradient(lam)
    first, radius, stalled = max(start, float(g.norm())), 1.0 + float(lam.norm()), 0
    run.gradients, best = run.gradients + 2, float("inf")
    used, moved, good = Renewal(Metric()), None, True
    while run.steps < max_steps:
        run.value, run.slope = value, float(g.norm())
        run.tell()
        if good and used.due(run, p):
            radius = used.renew(problem, run, g, radius, moved)
        metric, products = used.metric, problem.products(lam)
        inner = metric.products(products)
        slope_u = metric.inward(g)
        forcing = min(0.1, max(TIGHT, (run.slope / max(first, 1e-300)) ** 0.5))
        u, ends = steihaug(inner, slope_u, radius, forcing, run, metric.condition)
        step, size = metric.outward(u), float(u.norm())
        run.negative += ends == "negative curvature"
        run.blur = float(step.norm() / (1 + lam.norm()))
        if run.blur <= 4 * eps:
            return _finish(problem, run, ends)
        predicted = -float(slope_u @ u + 0.5 * (u @ inner(u)))
        run.products += 1
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
            lam, value, g, moved = there, new, slope, step
            run.lam = lam
        if ratio < 0.25:
            radius = 0.25 * min(radius, size)
        elif ratio > 0.75 and ends != "inside" and not blind:
            radius = 2 * max(radius, size)
        if blind:
            now = float(slope.norm())
            stalled = stalled + 1 if now > 0.5 * best else 0
            best = min(best, now)
            if used.last(problem, run):  # Newton's own steps from here on
                stalled, good, radius = 0, True, 2 * float(used.metric.inward(g).norm())
            elif stalled >= 2 or not good:
                return _finish(problem, run, ends)
    run.reason = f"not minimised in {max_steps} steps (|gradient| {run.slope:.3g})"


def _finish(problem: Objective, run: Minimisation, ends: str) -> None:
    """Says whether the place where nothing moves any more is stationary; `escape` looks for a saddle."""
    run.residual = problem.residual(run.lam)
    eps = torch.finfo(run.lam.dtype).eps
    # more than `escape` may see, where it has no Hessian to look at
    seen = ends == "negative curvature" and not affordable(len(run.lam))
    run.converged = run.residual <= eps**0.625 and not seen
    run.reason = (
        "a local minimum, to rounding"
        if run.converged
        else f"progress ended at relative gradient {run.residual:.2g}"
    )
