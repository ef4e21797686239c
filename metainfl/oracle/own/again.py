"""The truth on anybody's problem: solved again at other weights, and gradients at other parameters.

    slope       d lam*/d pi = (lam*(+h) - lam*(-h)) / 2h, at h and h/2, extrapolated; its error is what the
                two differ by, and what a solver leaves that begins beside lam* and should end there
    equation    H x = -d grad F/d pi, with both sides from differences of the gradient: no solve, and no
                second derivative of torch
Of `metainfl.influence` nothing is used but the path along which a removal follows the minimiser, and its
Newton steps, which stay on the branch and go on to rounding where `solve` may stop or go elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from metainfl.derive.minimise import DENSE
from metainfl.derive.problem import Problem
from metainfl.derive.stationary import terms
from metainfl.errors import BranchLost
from metainfl.influence.continuation import corrected
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
        """h, a share of the weight, or of the size of the feature (of all, or 1, where that is 0)."""
        tasks = self.problem.tasks
        if p.axis >= 0:
            x = tasks.side(p.kind.split("_")[0], p.task)[0].flatten(1).abs()
            return STEP * (float(x[:, p.axis].mean()) or float(x.mean()) or 1.0)
        return STEP * min(abs(weight(tasks, m)) for m in parts(p))

    def _moved(self, p: Perturbation, step: float) -> Tensor:
        """lam*(pi + step) - lam* (p,), off the directions that F does not see."""
        return self.off(self._solved(self.at(p, step), self.problem.lam) - self.problem.lam)

    def _solved(self, there: Problem, start: Tensor) -> Tensor:
        """The minimiser (p,) near `start`."""
        if self.problem.n_meta > DENSE:
            return there.solve(start, progress=False)
        found = corrected(there.replaced(lam=start.clone()))
        if found is None:
            raise BranchLost("beside lam the Hessian is not positive definite", share=0.0)
        return found

    def left(self, p: Perturbation) -> Tensor:
        """What is left (p,) of a way as long as that which p moves lam*, once solved again at no step."""
        lam = self.problem.lam
        draw = torch.Generator().manual_seed(0)
        way = torch.randn(lam.shape, generator=draw, dtype=torch.float64, device="cpu").to(lam)
        way = self.off(way / way.norm()) * self.moved(p, self.size(p)).norm()
        return self.off(self._solved(self.problem, lam + way) - lam)

    def _removed(self, p: Perturbation) -> Tensor:
        """lam* without p, minus lam* (p,), the minimiser followed; `BranchLost` where it ends on the way."""
        return self.off(resolved(self.problem, [p])[0] - self.problem.lam)

    def slope(
        self, p: Perturbation, of: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, float]:
        """(d of(lam* - lam)/d pi, how far it may be off); of lam* itself where there is no `of`.

        Infinitely far where both sides went to another minimum: their difference is a slope there.
        """
        lam, h = self.problem.lam, self.size(p)
        up, down = self.moved(p, h), self.moved(p, -h)
        if (up + down).norm() > (up - down).norm() + 1e-6 * lam.norm():
            return up, math.inf
        value = of or (lambda moved: lam + moved)
        here = value(torch.zeros_like(lam))
        noise = float(
            (value(self.left(p)) - here).norm() + torch.finfo(lam.dtype).eps * here.norm()
        )
        return _extrapolated(
            lambda s: (value(self.moved(p, s)) - value(self.moved(p, -s))) / (2 * s),
            h,
            noise,
        )

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
        return _extrapolated(
            lambda s: (at(lam + s * x) - at(lam - s * x)) / (2 * s), h, self.rounding
        )

    @cached_property
    def rounding(self) -> float:
        """Of a gradient near lam: eps times the sizes of its terms."""
        lam = self.problem.lam
        return (
            float(torch.finfo(lam.dtype).eps) * terms(self.problem, lam, self.problem.plan.chunk)[1]
        )

    def column(self, p: Perturbation) -> tuple[Tensor, float]:
        """(d grad F/d pi (p,), how far it may be off), likewise."""

        def gradient(step: float) -> Tensor:
            there = self.at(p, step)
            return there.gradient(there.lam)

        return _extrapolated(
            lambda s: (gradient(s) - gradient(-s)) / (2 * s), self.size(p), self.rounding
        )


def _extrapolated(
    difference: Callable[[float], Tensor], h: float, noise: float
) -> tuple[Tensor, float]:
    """A central difference at h and h/2 taken to 0, and its error: its distance from the nearer one, and what
    `noise` in each of the four values that it is made of comes to at most.
    """
    far, near = difference(h), difference(h / 2)
    best = (4 * near - far) / 3
    return best, float((best - near).norm()) + 3 * noise / h
