"""A case: one problem whose answers are known, with what the verdict needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from metainfl.data import digit_tasks
from metainfl.derive.problem import Problem
from metainfl.methods.claim import SCORES
from metainfl.oracle.bridge import problem_of
from metainfl.problem.tasks import Tasks
from metainfl_reference.answer import Answer
from metainfl_reference.certificate import EPS
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import NotCertified
from metainfl_reference.estimands import direct, removal, values
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, Solution, targets
from metainfl_reference.generators import small
from metainfl_reference.local import TaskData
from metainfl_reference.newton import correct
from metainfl_reference.perturbation import Perturbation, group, query, shift, support, task
from metainfl_reference.second_route import richardson
from metainfl_reference.second_route.perturbed import perturbed
from metainfl_reference.second_route.richardson import aligned

Array = np.ndarray
N_TARGETS = 2
TARGET_SEED = 90_001


@dataclass(frozen=True)
class Case:
    """A family at its certified solution. `code` rebuilds it by hand."""

    name: str
    family: Family
    code: str
    start: Array | None = None

    @cached_property
    def solution(self) -> Solution:
        """lam*, certified."""
        return self.family.solve(start=self.start)

    def problem(
        self,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
        weights: Weights | None = None,
    ) -> Problem:
        """A fresh production problem with lam set: methods may do to it what they like."""
        lam = torch.tensor(self.solution.lam)
        p = problem_of(self.family, dtype=dtype, device=device, weights=weights)
        p.lam = lam
        return p

    @cached_property
    def shared(self) -> Problem:
        """One problem for all methods that can be trusted to leave it alone."""
        return self.problem()

    @cached_property
    def condition(self) -> float:
        """Condition number of the total Hessian off its flat directions."""
        return self.solution.certificate.condition

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

    def truth(self, estimand: str, perturbations: Sequence[Perturbation]) -> Array:
        """The estimand, exactly (n, p)."""
        f, s = self.family, self.solution
        if estimand == "derivative":
            return f.influence(perturbations, s).value
        if estimand == "direct":
            return direct.influence(f, perturbations, s).value
        if estimand in SCORES:
            return self._values(estimand, perturbations)
        if estimand == "removal":
            return removal.exact_many(f, perturbations, s).value
        each: dict[str, Callable[[Family, Perturbation, Solution], Answer]] = {
            "first_order": removal.first_order,
            "second_order": removal.second_order,
            "newton": removal.newton,
        }
        return np.stack([each[estimand](f, p, s).value for p in perturbations])

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
            except NotCertified:
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
            other, weights = perturbed(self.family, s.weights, p, step)
            lam = correct(other, weights, s.lam)
            self._moves[key] = None if lam is None else aligned(self.family, lam, s.lam) - s.lam
        return self._moves[key]

    @cached_property
    def _slopes(self) -> dict[Perturbation, Array]:
        return {}

    def slope_by_resolving(self, p: Perturbation) -> Array:
        """The derivative by extrapolated finite weights: the reference's formula is not used. Cached."""
        if p not in self._slopes:
            self._slopes[p] = richardson.solution_derivative(self.family, p, self.solution)[0]
        return self._slopes[p]

    @cached_property
    def targets(self) -> list[TaskData]:
        """Target tasks, drawn like the family's own but not among them."""
        other = small(self.family.name, TARGET_SEED)
        e = other.episodes
        same = e.query_x.shape[2:] == self.family.episodes.query_x.shape[2:]
        return targets(e if same else self.family.episodes)[:N_TARGETS]

    def target_tasks(self, like: Problem) -> Tasks:
        """The targets as production tasks, on the problem's device and in its precision."""
        fields = ("support_x", "support_y", "query_x", "query_y")
        arrays = (np.stack([getattr(t, name) for t in self.targets]) for name in fields)
        where = like.tasks.query_x
        return Tasks(*(torch.tensor(a) for a in arrays)).to(where.device, where.dtype)

    @cached_property
    def target_gradients(self) -> Array:
        """D L_t at lam* (p, targets)."""
        rows = [self.family.target_gradient(t, self.solution.lam) for t in self.targets]
        return np.stack(rows, axis=1)

    def _values(self, estimand: str, perturbations: Sequence[Perturbation]) -> Array:
        """Scores and values (n, targets)."""
        f, s = self.family, self.solution
        if estimand == "score":
            return f.influence(perturbations, s).value @ self.target_gradients
        if estimand == "removal_score":
            edits = removal.exact_many(f, perturbations, s)
            return np.array(
                [
                    [removal.score(f, t, s, edits[i]).value for t in self.targets]
                    for i in range(len(perturbations))
                ]
            )
        value = values.shapley if estimand == "shapley" else values.banzhaf
        phi = np.stack([value(g).value for g in self.games], axis=1)
        return phi[[p.task for p in perturbations]]

    @cached_property
    def games(self) -> list[Answer]:
        """v(S) over subsets of tasks, for each target."""
        return [values.game(self.family, t, self.solution) for t in self.targets]

    def perturbations(self, kinds: Sequence[str], limit: int | None = None) -> list[Perturbation]:
        """Every perturbation of these kinds that the family knows, or `limit` spread evenly."""
        e = self.family.episodes
        t, ns, nq, d = e.n_tasks, e.support_x.shape[1], e.query_x.shape[1], e.query_x.shape[2]
        single = self.family.name.startswith("single")
        out: list[Perturbation] = []
        if "task" in kinds:
            out += [task(k) for k in range(t)]
        if "support" in kinds and not single:
            out += [support(k, j) for k in range(t) for j in range(ns)]
        if "query" in kinds:
            out += [query(k, j) for k in range(t) for j in range(nq)]
        if "support_input" in kinds and not single:
            out += [shift("support", k, 0, a) for k in range(t) for a in range(d)]
        if "query_input" in kinds:
            out += [shift("query", k, 0, a) for k in range(t) for a in range(d)]
        if "group" in kinds and t > 2:
            members = [task(1), query(2, 0)] + ([] if single else [support(0, 0)])
            out += [group([task(0), task(2)]), group(members)]
        if limit is None or len(out) <= limit:
            return out
        return [out[i] for i in np.linspace(0, len(out) - 1, limit).astype(int)]


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
