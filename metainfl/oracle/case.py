"""A case: one problem whose answers are known, with what the verdict needs to know about it.

Perturbations are production's, as a method is given them; the reference is asked in its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.oracle import resolved
from metainfl.oracle.asked import perturbations
from metainfl.oracle.bridge import all_to_truth, problem_of
from metainfl.oracle.estimands import Known, find
from metainfl.oracle.rounding import growth, tolerance
from metainfl.oracle.targets import as_tasks, drawn, given
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.solution import Solution
from metainfl_reference.wide import EPS

Array = np.ndarray
Asked = Sequence[Perturbation]
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A family at its certified solution. `code` rebuilds it by hand."""

    name: str
    family: Family
    code: str
    start: Array | None = None
    weights: Weights | None = None
    target_episodes: Episodes | None = None
    target_weights: Weights | None = None

    @cached_property
    def solution(self) -> Solution:
        """lam*, certified."""
        return self.family.solve(self.weights, start=self.start)

    @cached_property
    def known(self) -> Known:
        """What the truths of estimands are computed from."""
        return Known(self.family, self.solution, tuple(self.targets))

    def problem(
        self,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
        weights: Weights | None = None,
    ) -> Problem:
        """A fresh production problem with lam set: methods may do to it what they like."""
        own = self.weights if weights is None else weights
        p = problem_of(self.family, dtype=dtype, device=device, weights=own)
        p.lam = torch.tensor(self.solution.lam)
        return p

    @cached_property
    def shared(self) -> Problem:
        """One problem for all methods that can be trusted to leave it alone."""
        return self.problem()

    @cached_property
    def condition(self) -> float:
        """Condition number of the total Hessian off its flat directions."""
        return self.solution.certificate.condition

    @property
    def stretch(self) -> float:
        """A claimed tolerance is about problems of condition 100: others multiply it."""
        return max(1.0, self.condition / 100)

    @cached_property
    def inner_condition(self) -> float:
        """Largest condition number of an inner problem."""
        f, s = self.family, self.solution
        return max(f.task(k, s.lam, s.weights).inner_condition() for k in range(f.episodes.n_tasks))

    def tolerance(self, dtype: torch.dtype = torch.float64) -> float:
        """Relative error that rounding alone can cause, at most 1:
        16 p eps cond(H) cond(inner) + 10 cond(H) |lam error| / |lam|.

        Solving H x = b backward-stably costs p eps cond(H); the inner solve enters b and H with its
        own condition number; 16 covers the handful of such operations in a row. An error of lam* moves
        H and b by the same relative amount, a few times over where they vary fast, and the solve
        multiplies that by cond(H).
        """
        eps = float(torch.finfo(dtype).eps)
        here = 16 * self.family.n_meta * eps * self.condition * self.inner_condition
        size = max(float(np.linalg.norm(self.solution.lam)), EPS)
        own = 10 * self.condition * self.solution.certificate.bound / size
        return min(here + own, 1.0)

    @cached_property
    def _growths(self) -> dict[Perturbation, Array]:
        return {}

    def rounding(self, perturbations: Asked, dtype: torch.dtype = torch.float64) -> float:
        """Relative error of these influences together that rounding can cause: see `rounding`. Cached."""
        known = self._growths
        new = [p for p in dict.fromkeys(perturbations) if p not in known]
        if new:
            known.update(zip(new, growth(self.family, self.solution, new), strict=True))
        return tolerance(np.stack([known[p] for p in perturbations]), self.family, dtype)

    # -- truths --------------------------------------------------------------------------------
    def truth(self, estimand: str, perturbations: Asked) -> Array:
        """The estimand, exactly (n, ...). Cached."""
        key = (estimand, tuple(perturbations))
        if key not in self._truths:
            found = find(estimand).truth(self.known, all_to_truth(perturbations))
            found.flags.writeable = False
            self._truths[key] = found
        return self._truths[key]

    @cached_property
    def _truths(self) -> dict[tuple[str, tuple[Perturbation, ...]], Array]:
        return {}

    def influence(self, perturbations: Asked, at: Solution | None = None) -> Array:
        """d lam*/d pi (n, p), at another solution of the same family if one is given."""
        return self.family.influence(all_to_truth(perturbations), at or self.solution).value

    def cross_derivatives(self, perturbations: Asked) -> Array:
        """d(grad F)/d pi, one column each (p, n). Cached."""
        s, asked = self.solution, tuple(perturbations)
        return self.once(
            ("columns", asked),
            lambda: self.family.cross_derivatives(all_to_truth(asked), s.lam, s.weights),
        )

    @cached_property
    def _known_already(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What hangs on this case and `key` alone: computed once, whoever is judged. Not to be written to."""
        if key not in self._known_already:
            found = compute()
            if isinstance(found, np.ndarray):
                found.flags.writeable = False
            self._known_already[key] = found
        return self._known_already[key]

    @cached_property
    def _shifts(self) -> dict[Perturbation, Array | None]:
        return {}

    def removal_shift(self, p: Perturbation) -> Array | None:
        """lam* without p, minus lam*, turned to the nearest orbit point; None off the branch. Cached."""
        if p not in self._shifts:
            try:
                without = self.truth("removal", [p])[0]
                self._shifts[p] = resolved.shift(self.family, self.solution, without)
            except (InvalidProblem, NotCertified):
                self._shifts[p] = None
        return self._shifts[p]

    @cached_property
    def _moves(self) -> dict[tuple[Perturbation, float], Array | None]:
        return {}

    def move(self, p: Perturbation, step: float) -> Array | None:
        """lam*(weights + step p) - lam*, nearest orbit point; None where the minimum ends. Cached."""
        key = (p, step)
        if key not in self._moves:
            self._moves[key] = resolved.move(self.family, self.solution, p, step)
        return self._moves[key]

    @cached_property
    def _slopes(self) -> dict[Perturbation, Array]:
        return {}

    def slope_by_resolving(self, p: Perturbation) -> Array:
        """The derivative by extrapolated finite weights: the reference's formula is not used. Cached."""
        if p not in self._slopes:
            self._slopes[p] = resolved.slope(self.family, self.solution, p)
        return self._slopes[p]

    # -- targets -------------------------------------------------------------------------------
    @cached_property
    def targets(self) -> list[TaskData]:
        """Target tasks: those given, or drawn."""
        if self.target_episodes is not None:
            return given(self.target_episodes, self.target_weights)
        return drawn(self.family)

    def target_tasks(self, like: Problem) -> Tasks:
        """The targets as production tasks, on the problem's device and in its precision."""
        return as_tasks(self.targets, like, self.target_weights)

    @property
    def target_gradients(self) -> Array:
        """D L_t at lam* (p, targets)."""
        return self.known.target_gradients

    def perturbations(self, kinds: Sequence[str], limit: int | None = None) -> list[Perturbation]:
        """Every perturbation of these kinds that can be asked about, or `limit` spread evenly."""
        asked = tuple(kinds)
        every = lambda: tuple(perturbations(self.family, self.weights, asked, limit))  # noqa: E731
        return list(self.once(("asked", asked, limit), every))
