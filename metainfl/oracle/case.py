"""A case: one problem whose answers are known, with what the verdict needs to know about it.

Perturbations are production's, as a method is given them; the reference is asked in its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from metainfl.data import digit_tasks
from metainfl.derive.problem import Problem
from metainfl.oracle.asked import perturbations
from metainfl.oracle.bridge import all_to_truth, problem_of, to_truth
from metainfl.oracle.estimands import Known, find
from metainfl.oracle.rounding import growth, tolerance
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, task_data
from metainfl_reference.generators import small
from metainfl_reference.local import TaskData
from metainfl_reference.newton import correct
from metainfl_reference.second_route import richardson
from metainfl_reference.second_route.perturbed import perturbed
from metainfl_reference.second_route.richardson import aligned
from metainfl_reference.solution import Solution
from metainfl_reference.wide import EPS

Array = np.ndarray
N_TARGETS = 2
TARGET_SEED = 90_001
Asked = Sequence[Perturbation]


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
        """d(grad F)/d pi, one column each (p, n)."""
        s = self.solution
        return self.family.cross_derivatives(all_to_truth(perturbations), s.lam, s.weights)

    @cached_property
    def _shifts(self) -> dict[Perturbation, Array | None]:
        return {}

    def removal_shift(self, p: Perturbation) -> Array | None:
        """lam* without p, minus lam*, turned to the nearest orbit point; None off the branch. Cached."""
        if p not in self._shifts:
            try:
                lam = self.truth("removal", [p])[0]
                lam = aligned(self.family, lam, self.solution.lam)
                self._shifts[p] = lam - self.solution.lam
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
            s = self.solution
            other, weights = perturbed(self.family, s.weights, to_truth(p), step)
            lam = correct(other, weights, s.lam)
            self._moves[key] = None if lam is None else aligned(self.family, lam, s.lam) - s.lam
        return self._moves[key]

    @cached_property
    def _slopes(self) -> dict[Perturbation, Array]:
        return {}

    def slope_by_resolving(self, p: Perturbation) -> Array:
        """The derivative by extrapolated finite weights: the reference's formula is not used. Cached."""
        if p not in self._slopes:
            found = richardson.solution_derivative(self.family, to_truth(p), self.solution)
            self._slopes[p] = found[0]
        return self._slopes[p]

    # -- targets -------------------------------------------------------------------------------
    @cached_property
    def targets(self) -> list[TaskData]:
        """Target tasks, drawn like the family's own but not among them."""
        e = self.target_episodes
        if e is not None:
            w = self.target_weights or Weights.ones(e)
            return [task_data(e, w, k) for k in range(e.n_tasks)]
        e = small(self.family.name, TARGET_SEED).episodes
        if e.query_x.shape[2:] != self.family.episodes.query_x.shape[2:]:
            e = self.family.episodes
        return [task_data(e, Weights.ones(e), k) for k in range(min(N_TARGETS, e.n_tasks))]

    def target_tasks(self, like: Problem) -> Tasks:
        """The targets as production tasks, on the problem's device and in its precision."""
        fields = ("support_x", "support_y", "query_x", "query_y")
        arrays = [np.stack([getattr(t, name) for t in self.targets]) for name in fields]
        weights = (np.stack([getattr(t, name) for t in self.targets]) for name in ("u", "v"))
        where, ones = like.tasks.query_x, np.ones(len(self.targets))
        every = (torch.tensor(a) for a in (*arrays, ones, *weights))
        return Tasks(*every).to(where.device, where.dtype)

    @property
    def target_gradients(self) -> Array:
        """D L_t at lam* (p, targets)."""
        return self.known.target_gradients

    def perturbations(self, kinds: Sequence[str], limit: int | None = None) -> list[Perturbation]:
        """Every perturbation of these kinds that can be asked about, or `limit` spread evenly."""
        return perturbations(self.family, self.weights, kinds, limit)


def small_case(name: str, seed: int = 0, **changes: float) -> Case:
    """A generated problem of the named family."""
    extra = "".join(f", {k}={v!r}" for k, v in changes.items())
    code = f"metainfl.oracle.small_case({name!r}, {seed}{extra})"
    return Case(f"{name}[{seed}]", small(name, seed, **changes), code)


def digits_case(components: int = 32, shots: int = 5, queries: int = 5, seed: int = 0) -> Case:
    """All 252 five-way digit tasks as proximal ridge: every removal is exact."""
    episodes = digit_tasks(components=components, shots=shots, queries=queries, seed=seed)
    family = FAMILIES["proximal_ridge"](episodes, d_in=1.0, d_out=1.0)
    code = f"metainfl.oracle.digits_case({components}, {shots}, {queries}, {seed})"
    return Case("digits (252 tasks)", family, code)
