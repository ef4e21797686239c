"""Coordinates in which the Hessian of an earlier step is the identity, and when it is taken anew.

    H = V diag(e) V',   r = sqrt(max(|e|, floor)),   u = r V's,   |u| = length of the step s
A trust region that is a ball in u is an ellipsoid with the axes of H, and in u conjugate gradients
need a few products where they need many in s (preconditioning; Nocedal and Wright, section 7.1). The
Hessian costs p products, but in passes of many vectors, so it is renewed after a share of p single ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.derive.minimise import Minimisation, Objective, Products

MOST = 2000  # parameters up to which a Hessian is made
SHARE = 0.3  # of p single products, after which p in passes of many are worth it
FLOOR = 1e-6  # of the largest eigenvalue: below it a direction counts as that stiff


def affordable(p: int) -> bool:
    """Whether a Hessian of p parameters is made at all."""
    return p <= MOST


@dataclass(frozen=True, eq=False)
class Metric:
    """Lengths r V's of steps s; without r and V those of s itself."""

    r: Tensor | None = None
    v: Tensor | None = None

    @classmethod
    def of(cls, hessian: Tensor) -> Metric:
        """The metric of H (p, p); that of the identity where H vanishes."""
        values, vectors = torch.linalg.eigh(hessian)
        sizes = values.abs()
        if not sizes.max() > 0:
            return cls()
        return cls(sizes.clamp(min=FLOOR * float(sizes.max())).sqrt(), vectors)

    @property
    def condition(self) -> float:
        """Largest over smallest r^2: by how much the rounding of a product can grow in u."""
        return 1.0 if self.r is None else float((self.r.max() / self.r.min()) ** 2)

    def inward(self, g: Tensor) -> Tensor:
        """A gradient by u (p,), from one by s."""
        return g if self.r is None or self.v is None else (self.v.T @ g) / self.r

    def outward(self, u: Tensor) -> Tensor:
        """The step s (p,) of u."""
        return u if self.r is None or self.v is None else self.v @ (u / self.r)

    def length(self, step: Tensor) -> float:
        """|u| of a step s."""
        return float(
            (step if self.r is None or self.v is None else self.r * (self.v.T @ step)).norm()
        )

    def products(self, products: Products) -> Products:
        """U to the Hessian by u times U."""
        return lambda u: self.inward(products(self.outward(u)))


@dataclass
class Renewal:
    """The metric in use, and what was spent since it was made."""

    metric: Metric
    since: int = 0
    close: bool = False

    def due(self, run: Minimisation, p: int) -> bool:
        """Whether another Hessian is worth its price."""
        return affordable(p) and (self.metric.r is None or run.products - self.since >= SHARE * p)

    def renew(
        self, problem: Objective, run: Minimisation, g: Tensor, radius: float, moved: Tensor | None
    ) -> float:
        """Takes the Hessian at `run.lam`; the radius that lets as much pass along the last step `moved`.

        Before any step, the radius is the length of Newton's step for the gradient g there.
        """
        before = self.metric
        self._take(problem, run)
        if moved is None:
            return float(self.metric.inward(g).norm())
        return radius * self.metric.length(moved) / before.length(moved)

    def last(self, problem: Objective, run: Minimisation) -> bool:
        """Takes the Hessian once more where F no longer resolves the progress; False the second time."""
        if self.close or not affordable(len(run.lam)):
            return False
        self.close = True
        self._take(problem, run)
        return True

    def _take(self, problem: Objective, run: Minimisation) -> None:
        self.metric = Metric.of(problem.hessian(run.lam))
        run.products += len(run.lam)
        self.since = run.products
