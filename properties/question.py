"""What is removed from a small problem, what removing it does, and how far its first order is from that.

Everything here comes from the reference: lam*, the total Hessian, the right-hand side, the problem solved
again without the data and the bound on the remainder. Production only answers (`edit`), so that a fault
of its own cannot widen what it is held to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch

import metainfl as mi
from metainfl.advice.bounds import precision, remainder
from metainfl.influence import removal
from metainfl.oracle.bridge import to_production, to_truth
from metainfl.oracle.case import Case
from metainfl_reference.episodes import Weights
from metainfl_reference.perturbation import parts
from metainfl_reference.second_route.perturbed import perturbed
from properties.hold import Held

Array = np.ndarray
EPS = float(np.finfo(float).eps)
SHIFT = 0.3  # how far an input is moved, in units of its feature
NODES = 5  # where the Hessian is looked at between an edit and the truth


@dataclass(frozen=True, repr=False)
class Question:
    """`moved` is lam* after minus before; `code` draws it again, and is how a question prints."""

    case: Case
    p: Any
    moved: Array
    code: str

    @cached_property
    def problem(self) -> mi.Problem:
        """Production's problem with lam* set."""
        return self.case.problem()

    @property
    def shifted(self) -> bool:
        """Whether an input is moved, instead of data removed."""
        return self.p.kind.endswith("input")

    @cached_property
    def members(self) -> list[Any]:
        """The reference's single perturbations."""
        return list(parts(to_truth(self.p)))

    @cached_property
    def coefficients(self) -> Array:
        """Minus its weight for everything that is removed; SHIFT for an input."""
        if self.shifted:
            return np.array([SHIFT])
        w = self.case.solution.weights
        rows = [
            w.task[m.task] if m.kind == "task" else getattr(w, m.kind)[m.task, m.instance]
            for m in self.members
        ]
        return -np.array(rows)

    @cached_property
    def off(self) -> Array:
        """An orthonormal basis of what a symmetry leaves alone (p, p - f)."""
        tangent = self.case.family.tangent(self.case.solution.lam)
        return np.linalg.qr(tangent, mode="complete")[0][:, tangent.shape[1] :]

    @cached_property
    def hessian(self) -> Array:
        """H in `off`."""
        return self.off.T @ self.case.solution.hessian @ self.off

    @cached_property
    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues, ascending, and vectors (p, p - f)."""
        values, vectors = np.linalg.eigh(self.hessian)
        return values, self.off @ vectors

    @property
    def low(self) -> float:
        """Smallest eigenvalue."""
        return float(self.eigen[0][0])

    @property
    def high(self) -> float:
        """Largest eigenvalue."""
        return float(self.eigen[0][-1])

    @cached_property
    def cross(self) -> Array:
        """One right-hand side a member, weighed (p, n)."""
        s = self.case.solution
        found = self.case.family.cross_derivatives(self.members, s.lam, s.weights)
        return -(self.off @ (self.off.T @ found)) * self.coefficients

    @cached_property
    def rhs(self) -> Array:
        """b with C x = b, x the first-order move."""
        return self.cross.sum(axis=1)

    @property
    def size(self) -> float:
        """|b|."""
        return float(np.linalg.norm(self.rhs))

    def solved(self, f: Callable[[Array], Array] = lambda s: 1 / s) -> Array:
        """f(H) b, the exact first-order move by default (p,)."""
        values, vectors = self.eigen
        return vectors @ (f(values) * (vectors.T @ self.rhs))

    @cached_property
    def step(self) -> float:
        """|H^{-1} b|."""
        return float(np.linalg.norm(self.solved()))

    @cached_property
    def steps(self) -> float:
        """The same summed over the members, for a solver that is not linear in b."""
        values, vectors = self.eigen
        inside = (vectors.T @ self.cross) / values[:, None]
        return float(np.linalg.norm(inside, axis=0).sum())

    # -- after ---------------------------------------------------------------------------------
    @cached_property
    def after(self) -> tuple[Any, Weights]:
        """The family and the weights that are solved again."""
        f, w, p = self.case.family, self.case.solution.weights, to_truth(self.p)
        return perturbed(f, w, p, SHIFT) if self.shifted else (f, w.without(p))

    def way(self, start: Array) -> tuple[float, float]:
        """Between start and the truth: a lower bound on H_-'s eigenvalues, its Lipschitz constant.

        The constant is twice the largest rate of change between neighbouring nodes.
        """
        lam, nodes = self.case.solution.lam, 1 if self.case.family.quadratic else NODES
        family, weights = self.after
        along = np.linspace(start, self.moved, nodes)
        seen = [self.off.T @ family.total_hessian(lam + a, weights) @ self.off for a in along]
        lows = [float(np.linalg.eigvalsh(h)[0]) for h in seen]
        spacing = float(np.linalg.norm(self.moved - start)) / max(nodes - 1, 1)
        changes = [float(np.linalg.norm(b - a, 2)) for a, b in pairwise(seen)]
        lipschitz = 2 * max(changes, default=0.0) / spacing if spacing else 0.0
        return remainder.along(lows, lipschitz, spacing), lipschitz

    def remainder(self, move: Array) -> float:
        """|move - moved|, at most: the gradient that `move` leaves over the smallest eigenvalue."""
        family, weights = self.after
        gradient = family.gradient(self.case.solution.lam + move, weights)
        return remainder.remainder(float(np.linalg.norm(self.off.T @ gradient)), self.way(move)[0])

    @cached_property
    def first_order(self) -> float:
        """The remainder of the exact first-order move."""
        return self.remainder(self.solved())

    @cached_property
    def rounding(self) -> float:
        """What float64 costs at most, here and in the truth; lam* itself is stored in it."""
        c = self.case
        return precision.certain(
            EPS, c.condition, self.numbers, parameters=c.family.n_meta, inner=c.inner_condition
        )

    @property
    def numbers(self) -> float:
        """|x| + |lam*|: the size of what is rounded."""
        return self.step + float(np.linalg.norm(self.case.solution.lam))

    # -- production's answer -------------------------------------------------------------------
    def edit(self, problem: mi.Problem | None = None, **how: Any) -> Array:
        """lam* as production moves it to first order (p,)."""
        problem = problem or self.problem
        if self.shifted:
            return SHIFT * mi.influence(problem, [self.p], **how).value[0].double().numpy()
        found = removal.first_order(problem, [self.p], **how)[0]
        return (found.double() - problem.lam.double()).numpy()

    def by(self, method: Callable[..., torch.Tensor]) -> Array:
        """The same from a method of the literature, member by member (p,)."""
        rows = method(self.problem, [to_production(m) for m in self.members])
        return self.coefficients @ rows.numpy()

    def held(
        self,
        move: Array,
        own: float = 0.0,
        *,
        exact: Array | None = None,
        remainder: float | None = None,
        rounding: float | None = None,
        definition: Array | None = None,
    ) -> Held:
        """A move beside what it may be off by: its remainder and its `own`.

        `exact` is the move that it stands for, the exact first order by default; `definition` is what it
        should be itself, where the reference can tell.
        """
        exact = self.solved() if exact is None else exact
        return Held(
            error=float(np.linalg.norm(move - self.moved)),
            own_error=float(np.linalg.norm(move - exact)),
            remainder=self.first_order if remainder is None else remainder,
            own=own,
            rounding=self.rounding if rounding is None else rounding,
            apart=0.0 if definition is None else float(np.linalg.norm(move - definition)),
        )

    def __repr__(self) -> str:
        return self.code
