"""lam* followed along weights that go to what they are to be: the branch that the answer lies on.

Where F is not convex, solving again may end in another valley, and the difference is then not what
removing the data did. From lam* the weights move in steps; each step is corrected by Newton's method
without any globalisation, and accepted only while the Hessian stays positive definite off the known
symmetry, and where it is short or F is as good as quadratic along it. Where the path
folds, `BranchLost` says at which share of the removal.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import BranchLost
from metainfl.problem import Perturbation
from metainfl.problem.weights import scaled

SMALLEST = 1e-3
FIRST = 0.5
STRAIGHT = 0.01  # of a long step: the most that it may differ from Newton's first
CORRECTIONS = 30


def removed(problem: Problem, p: Perturbation) -> Tensor:
    """lam* without what p names (p,), connected to problem.lam by a path of strict minimisers."""
    lam, done, step = problem.lam.clone(), 0.0, FIRST
    while done < 1:
        share = min(1.0, done + step)
        there = problem.replaced(tasks=scaled(problem.tasks, p, 1 - share), lam=lam)
        found = corrected(there)
        moved = float("inf") if found is None else float((found - lam).norm())
        if found is None or (moved > 0.5 * (1 + float(lam.norm())) and not _straight(there, found)):
            step /= 2
            if step < SMALLEST:
                raise BranchLost(
                    f"the minimiser cannot be followed past {done:.0%} of the removal of {p}: the Hessian "
                    "turns singular there, so this removal is not a small change. Solve the removed problem "
                    "from a start of your own (problem.replaced(tasks=...).solve(start=...)) and compare F, "
                    "or raise outer_reg",
                    share=done,
                )
            continue
        lam, done, step = found, share, min(2 * step, FIRST)
    return lam


def corrected(problem: Problem) -> Tensor | None:
    """Undamped Newton from problem.lam to rounding; None where it leaves the region where H is definite."""
    lam, previous = problem.lam, float("inf")
    eps = torch.finfo(lam.dtype).eps
    for _ in range(CORRECTIONS):
        step = _newton(problem, lam)
        if step is None:
            return None
        size, scale = float(step.norm()), 1 + float(lam.norm())
        if size > 10 * previous and size > eps**0.375:
            return None
        if size <= 4 * eps * scale or (size >= previous and size < eps**0.5 * scale):
            return lam + step
        lam, previous = lam + step, size
    return None


def _newton(problem: Problem, lam: Tensor) -> Tensor | None:
    """Newton's step (p,) off the symmetry; None where H is not definite there."""
    g, h = problem.gradient(lam), problem.hessian(lam)
    rest = _off(problem.replaced(lam=lam).tangent(), len(lam))
    if rest is not None:
        g, h = rest.T @ g, rest.T @ h @ rest
    values, vectors = torch.linalg.eigh(h)
    if float(values[0]) <= torch.finfo(lam.dtype).eps * len(lam) * float(values[-1]):
        return None
    step = -(vectors @ ((vectors.T @ g) / values))
    return step if rest is None else rest @ step


def _straight(problem: Problem, found: Tensor) -> bool:
    """Whether Newton's first step from problem.lam leads to `found` already: as good as quadratic."""
    step, way = _newton(problem, problem.lam), found - problem.lam
    return step is not None and float((way - step).norm()) <= STRAIGHT * float(way.norm())


def _off(tangent: Tensor | None, size: int) -> Tensor | None:
    """An orthonormal basis (p, p - f) of what a symmetry leaves alone."""
    if tangent is None or tangent.shape[1] == 0:
        return None
    return torch.linalg.qr(tangent, mode="complete")[0][:, tangent.shape[1] :]
