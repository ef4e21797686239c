"""The truth on anybody's problem: solved again at other weights, and gradients at other parameters.

    slope       d lam*/d pi = (lam*(+h) - lam*(-h)) / 2h, at h and h/2, extrapolated; what the two differ by
                is its error, and never small by luck alone where the solver stopped early
    equation    H x = -d grad F/d pi, with both sides from differences of the gradient: no solve, and no
                second derivative of torch
Of `metainfl.influence` nothing is used but the path along which a removal follows the minimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.influence.removal import resolved
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.weights import weight
from metainfl.training.reweight import multiplied

STEP = 0.02  # of a weight, or of an input's size: large enough that a solve's rounding is small beside it


class Again:
    """A problem at its minimiser, solved again where it is asked; each solve is made once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.moved = lru_cache(maxsize=None)(self._moved)
        self.removed = lru_cache(maxsize=None)(self._removed)

    def at(self, p: Perturbation, step: float) -> Problem:
        """The problem at its lam with `step` added to every weight that p names, or to the input."""
        tasks = self.problem.tasks
        if p.axis >= 0:
            changed = multiplied(tasks, {p: step})
        else:
            changed = multiplied(tasks, {m: 1 + step / weight(tasks, m) for m in parts(p) if step})
        return self.problem.replaced(tasks=changed, lam=self.problem.lam.clone())

    def size(self, p: Perturbation) -> float:
        """h: a share of the smallest weight, or of the inputs' size."""
        tasks = self.problem.tasks
        if p.axis >= 0:
            found = float(tasks.side(p.kind.split("_")[0], p.task)[0].abs().mean())
            return STEP * (found or 1.0)
        return STEP * min(abs(weight(tasks, m)) for m in parts(p))

    def _moved(self, p: Perturbation, step: float) -> Tensor:
        """lam*(pi + step) - lam* (p,), off the directions that F does not see."""
        there = self.at(p, step)
        return self.off(there.solve(there.lam, progress=False) - self.problem.lam)

    def _removed(self, p: Perturbation) -> Tensor:
        """lam* without p, minus lam* (p,), the minimiser followed; `BranchLost` where it ends on the way."""
        return self.off(resolved(self.problem, [p])[0] - self.problem.lam)

    def slope(
        self, p: Perturbation, of: Callable[[Tensor], Tensor] = lambda moved: moved
    ) -> tuple[Tensor, float]:
        """(d of(lam* - lam)/d pi, its error as a share of it); an infinite one where a solve went away.

        Then both sides may have gone to the same other one, and their difference is a slope there.
        """
        h = self.size(p)
        up, down = self.moved(p, h), self.moved(p, -h)
        if (up + down).norm() > (up - down).norm() > 0:
            return up, math.inf
        best, off = _extrapolated(
            lambda s: (of(self.moved(p, s)) - of(self.moved(p, -s))) / (2 * s), h
        )
        size = float(best.norm())
        return best, off / size if size else 0.0

    def off(self, v: Tensor) -> Tensor:
        """Off the known symmetry."""
        flat = self.problem.tangent()
        return v if flat is None else v - flat @ (flat.T @ v)

    # -- by gradients alone --------------------------------------------------------------------
    def along(self, x: Tensor) -> tuple[Tensor, float]:
        """(H x (p,), how far it may be off), by central differences of the gradient."""
        lam, size = self.problem.lam, float(x.norm())
        if size == 0:
            return torch.zeros_like(x), 0.0
        h = torch.finfo(lam.dtype).eps ** 0.2 * max(1.0, float(lam.norm())) / size
        at = self.problem.gradient
        return _extrapolated(lambda s: (at(lam + s * x) - at(lam - s * x)) / (2 * s), h)

    def column(self, p: Perturbation) -> tuple[Tensor, float]:
        """(d grad F/d pi (p,), how far it may be off), likewise."""

        def gradient(step: float) -> Tensor:
            there = self.at(p, step)
            return there.gradient(there.lam)

        return _extrapolated(lambda s: (gradient(s) - gradient(-s)) / (2 * s), self.size(p))


def _extrapolated(difference: Callable[[float], Tensor], h: float) -> tuple[Tensor, float]:
    """A central difference at h and h/2 taken to 0, and its distance from the nearer one, its error."""
    far, near = difference(h), difference(h / 2)
    best = (4 * near - far) / 3
    return best, float((best - near).norm())
