"""The contract of every family (001, eqs 4-5; 002, eq. 2): F, its minimiser, influence and removal.

    F(lam; w, u, v) = sum_i w_i L_O^i(lam, theta_i(lam; u_i); v_i) + (d_out/2) |lam|^2
    influence       = d lam*/d pi = -H^+ d(grad F)/d pi          (H total, d_out included)
    removal         = solve again with those weights at 0

The pseudo-inverse acts off the directions along which a known symmetry moves lam, and is the inverse
where there is none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Self

import numpy as np

from metainfl_reference import implicit
from metainfl_reference.answer import Answer
from metainfl_reference.certificate import Certificate, kantorovich, spectrum
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.local import Local, TaskData
from metainfl_reference.newton import follow, minimise
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.refine import distance, refine, wide_gradient
from metainfl_reference.solution import Solution
from metainfl_reference.wide import EPS, lifted, lifted_family

Array = np.ndarray


class Family(ABC):
    """A bilevel problem with an exact answer. Subclasses give `local`, `n_meta` and their flags."""

    name: ClassVar[str]
    quadratic: bool = False

    def __init__(
        self,
        episodes: Episodes,
        *,
        d_in: float = 1.0,
        d_out: float | Array = 1.0,
        direct: float = 0.0,
    ) -> None:
        """d_in, d_out: inner and outer regulariser; direct: weight of |theta_i - lam|^2/2 in L_O.

        d_out may be one precision a parameter (p,): its term of F is then sum_a d_out_a lam_a^2 / 2.
        """
        for label, value in (("d_in", d_in), ("d_out", d_out), ("direct", direct)):
            if not (np.all(np.isfinite(value)) and np.all(np.asarray(value) >= 0)):
                raise InvalidProblem(f"{label} must be finite and not negative, got {value}")
        self.episodes, self.d_in, self.d_out, self.direct = episodes, d_in, d_out, direct

    # -- what a family gives -----------------------------------------------------------------
    @property
    @abstractmethod
    def n_meta(self) -> int:
        """p, the number of meta-parameters."""

    @abstractmethod
    def local(self, data: TaskData, lam: Array) -> Local:
        """One task at one lam."""

    @property
    def convexity(self) -> float | None:
        """mu if F is mu-strongly convex everywhere, inf if it is quadratic, None if it is neither."""
        return np.inf if self.quadratic else None

    def tangent(self, lam: Array) -> Array:
        """Orthonormal directions (p, f) along which a symmetry of F moves lam; none by default."""
        return np.zeros((self.n_meta, 0))

    def initial(self) -> Array:
        """Where the first solve starts."""
        return np.zeros(self.n_meta)

    # -- what follows from it ----------------------------------------------------------------
    def task(self, k: int, lam: Array, weights: Weights | None = None) -> Local:
        """Task k at lam."""
        return self.local(task_data(self.episodes, weights or Weights.ones(self.episodes), k), lam)

    def objective(self, lam: Array, weights: Weights | None = None) -> complex:
        """F."""
        w = weights or Weights.ones(self.episodes)
        terms = [
            w.task[k] * self.task(k, lam, w).loss for k in range(len(w.task)) if w.task[k] != 0
        ]
        start: complex = 0.5 * np.dot(lam, self.d_out * lam)
        return sum(terms, start=start)

    def gradient(self, lam: Array, weights: Weights | None = None) -> Array:
        """Grad F (p,)."""
        w = weights or Weights.ones(self.episodes)
        out = self.d_out * lam
        for k in map(int, np.flatnonzero(w.task)):
            out = out + w.task[k] * self.task(k, lam, w).gradient()
        return out

    def total_hessian(self, lam: Array, weights: Weights | None = None) -> Array:
        """H (p, p), d_out included."""
        return self.slope_and_curvature(lam, weights)[1]

    def slope_and_curvature(
        self, lam: Array, weights: Weights | None = None
    ) -> tuple[Array, Array]:
        """Grad F and H in one pass over the tasks."""
        w = weights or Weights.ones(self.episodes)
        gradient, hessian = self.d_out * lam, self.d_out * np.eye(self.n_meta, dtype=lam.dtype)
        for k in map(int, np.flatnonzero(w.task)):
            t = self.task(k, lam, w)
            gradient = gradient + w.task[k] * t.gradient()
            hessian = hessian + w.task[k] * t.hessian()
        return gradient, hessian

    def task_parameters(self, k: int, lam: Array) -> Array:
        """theta_k(lam), flattened."""
        return self.task(k, lam).theta

    def task_jacobian(self, k: int, lam: Array) -> Array:
        """d theta_k/d lam."""
        return self.task(k, lam).jacobian

    def solve(self, weights: Weights | None = None, start: Array | None = None) -> Solution:
        """The minimiser for these weights, certified. Raises `NotCertified` otherwise."""
        w = weights or Weights.ones(self.episodes)
        lam = minimise(self, w, self.initial() if start is None else start)
        return self.certified(lam, w)

    def certified(self, lam: Array, weights: Weights) -> Solution:
        """lam with its error bound; raises when it is no minimiser to working accuracy."""
        gradient, hessian = self.slope_and_curvature(lam, weights)
        values, vectors = spectrum(hessian, self.tangent(lam), self.name)
        if self.convexity is None:
            self._kantorovich(lam, weights, gradient, hessian, (values, vectors))
        kind = {None: "Newton-Kantorovich", np.inf: "quadratic"}.get(self.convexity, "convexity")
        certificate = Certificate(
            float(np.linalg.norm(gradient)),
            float(values[0]),
            float(values[-1]),
            self.n_meta - len(values),
            kind,
            "local" if self.convexity is None else "global",
            partial(distance, self, lam, weights, hessian),
        )
        return Solution(lam, weights, hessian, certificate)

    def _kantorovich(
        self,
        lam: Array,
        weights: Weights,
        gradient: Array,
        hessian: Array,
        eigen: tuple[Array, Array],
    ) -> None:
        """Raise unless a minimiser is near lam: by the float64 gradient, or else by the wide one."""
        values, vectors = eigen
        smallest = float(values[0])

        def newton(g: Array, unseen: float) -> float:
            step = np.linalg.norm((vectors.T @ np.asarray(g, float)) / values)
            return float(step) + unseen / smallest

        tasks = [self.task(int(k), lam, weights) for k in np.flatnonzero(weights.task)]
        inner = max((t.inner_condition() for t in tasks), default=1.0)
        size = newton(gradient, 4 * EPS * inner * float(np.linalg.norm(hessian @ lam)))
        h, lipschitz = kantorovich(
            size, smallest, vectors, hessian, lambda d: self.total_hessian(lam + d, weights)
        )
        if h > 0.5:
            better, unseen = wide_gradient(self, lam, weights)
            h, size = h * newton(better, unseen) / size, newton(better, unseen)
        if not h <= 0.5:
            raise NotCertified(
                f"{self.name}: Newton-Kantorovich quantity {h:.3g} exceeds 1/2 (step {size:.3g}, "
                f"Lipschitz {lipschitz:.3g}, smallest eigenvalue {smallest:.3g}); solve to a smaller "
                "residual."
            )

    def refined(self, at: Solution) -> tuple[Self, Solution]:
        """The family and its minimiser near `at` in the wide format, for bounds."""
        lam, hessian = refine(self, at.lam, at.weights, at.hessian)
        return lifted_family(self), Solution(lam, lifted(at.weights), hessian, at.certificate)

    def cross_derivative(self, p: Perturbation, lam: Array, weights: Weights) -> Array:
        """d(grad F)/d pi (p,) at lam; complex where lam or the weights are."""
        return self.cross_derivatives([p], lam, weights)[:, 0]

    def cross_derivatives(
        self, perturbations: Sequence[Perturbation], lam: Array, weights: Weights
    ) -> Array:
        """The same for a list, one column each (p, n); every task is differentiated once."""
        return implicit.cross_derivatives(self, perturbations, lam, weights)

    def apply_inverse(self, at: Solution, rhs: Array) -> Array:
        """H^+ rhs, the flat directions dropped."""
        return implicit.apply_inverse(self, at, rhs)

    def influence(self, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
        """d lam*/d pi, one row a perturbation: (n, p), with a bound a row."""
        return implicit.influence(self, perturbations, at)

    def remove(self, p: Perturbation, at: Solution) -> Solution:
        """The minimiser without the weights that p names, followed from `at` by continuation."""
        return follow(self, at, at.weights.without(p))

    def target_loss(self, target: TaskData, lam: Array) -> complex:
        """L_t(lam): adapt to the target's support set, loss on its query set."""
        return self.local(target, lam).loss

    def target_gradient(self, target: TaskData, lam: Array) -> Array:
        """D L_t (p,), through the target's own adaptation."""
        return self.local(target, lam).gradient()


def task_data(episodes: Episodes, weights: Weights, k: int) -> TaskData:
    """Task k of the episodes with its instance weights."""
    return TaskData(
        episodes.support_x[k],
        episodes.support_y[k],
        episodes.query_x[k],
        episodes.query_y[k],
        weights.support[k],
        weights.query[k],
    )


def targets(episodes: Episodes) -> list[TaskData]:
    """All tasks of the episodes as targets, at weight 1."""
    ones = Weights.ones(episodes)
    return [task_data(episodes, ones, k) for k in range(episodes.n_tasks)]
