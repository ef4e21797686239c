"""A case whose evidence is a run: a family, a recipe and a start, and the reference's own run of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch

from metainfl.oracle.bridge import to_truth
from metainfl.oracle.case import Array, Asked, Case
from metainfl.oracle.estimands.running import KnownRun
from metainfl.oracle.runs.bridge import run_of
from metainfl.problem.own_copy import own_copy
from metainfl.problem.perturbation import Perturbation, task
from metainfl.problem.tasks import Tasks
from metainfl_reference.episodes import Weights
from metainfl_reference.estimands import trajectory
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData

NUDGE = 1e-7  # far above rounding, far below what bends the run


@dataclass(frozen=True)
class End:
    """Where the run ends: edits are compared as shifts from here."""

    lam: Array
    weights: Weights


@dataclass(frozen=True)
class RunCase(Case):
    """`problem()` is what a method of this evidence is given: a fresh production run.

    `carried` holds the optimiser's moments and steps where the run goes on from earlier ones; `kept` is
    how many states the production run may keep, None for all; `ahead` how many steps of its recipe it was
    stopped before.
    """

    recipe: trajectory.Recipe | None = None
    carried: trajectory.State | None = None
    kept: int | None = None
    ahead: int = 0

    @cached_property
    def truth_run(self) -> trajectory.Run:
        """The reference's run, every state kept."""
        assert self.recipe is not None and self.start is not None
        start = np.asarray(self.start, dtype=float)
        state = trajectory.State.at(start) if self.carried is None else self.carried
        return trajectory.run(self.family, self.recipe, replace(state, lam=start), self.weights)

    @cached_property
    def solution(self) -> End:  # type: ignore[override]
        """The last state; nothing is solved."""
        return End(self.truth_run.lam[-1], self.truth_run.weights)

    @cached_property
    def known(self) -> KnownRun:  # type: ignore[override]
        """What the truths of estimands are computed from."""
        return KnownRun(self.family, self.truth_run, tuple(self.targets))

    def problem(
        self,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
        weights: Weights | None = None,
    ) -> Any:
        """A fresh production run, a copy of one made once: methods may do to it what they like."""
        if weights is None:
            made = partial(self._made, self.truth_run, dtype, device)
            return own_copy(self.once(("run", dtype, device), made))
        return self._made(trajectory.replay(self.truth_run, weights), dtype, device)

    def _made(self, of: trajectory.Run, dtype: torch.dtype, device: str) -> Any:
        return run_of(of, dtype=dtype, device=device, kept=self.kept, ahead=self.ahead)

    def target_tasks(self, like: Any) -> Tasks:
        """The targets as production tasks, in the run's precision."""
        return super().target_tasks(like.program.problem)

    condition = float("nan")

    @cached_property
    def inner_condition(self) -> float:
        """Largest condition number of an inner problem at the two ends of the run."""
        of, tasks = self.truth_run, range(self.family.episodes.n_tasks)
        ends = (of.lam[0], of.lam[-1])
        return max(
            self.family.task(k, lam, of.weights).inner_condition() for k in tasks for lam in ends
        )

    def tolerance(self, dtype: torch.dtype = torch.float64) -> float:
        """Relative error that rounding alone can cause: 16 p S eps cond(inner) growth, at most 1.

        Each of S steps applies p x p products and one inner solve, whose error its condition number
        multiplies; 16 covers a handful of them, and what they leave grows along the run (by 4 at least).
        """
        assert self.recipe is not None
        eps = float(torch.finfo(dtype).eps)
        steps = self.family.n_meta * self.recipe.steps
        return min(1.0, 16 * max(4.0, self.growth) * steps * eps * self.inner_condition)

    @cached_property
    def growth(self) -> float:
        """By how much a relative change of the start moves a derivative of the run, relatively."""
        assert self.recipe is not None and self.start is not None
        noise = np.random.default_rng(0).standard_normal(len(self.start))
        other = replace(self, start=np.asarray(self.start) * (1 + NUDGE * noise))
        pi = [task(self.recipe.batches[0][0])]
        here, there = (c.truth("run_derivative", pi) for c in (self, other))
        size = float(np.linalg.norm(here))
        return float(np.linalg.norm(there - here)) / (NUDGE * size) if size else 1.0

    @property
    def stretch(self) -> float:
        """What a claimed tolerance is multiplied by: it is about runs that grow by ten.

        What differences leave holds one derivative more than they estimate twice over, and grows as the
        square. Ten is a choice, as the claim is; it lets the seeds that were tried pass, and proves nothing.
        """
        return max(1.0, (self.growth / 10) ** 2)

    def rounding(self, perturbations: Asked, dtype: torch.dtype = torch.float64) -> float:
        """The same, whatever is asked; in float32 errors add up as a random walk does, in place of p S."""
        if dtype == torch.float64:
            return self.tolerance(dtype)
        assert self.recipe is not None
        eps, terms = float(torch.finfo(dtype).eps), self.family.n_meta * self.recipe.steps
        return min(1.0, 16 * max(4.0, self.growth) * terms**0.5 * eps * self.inner_condition)

    def removal_shift(self, p: Perturbation) -> Array | None:
        """lam_S of the same program without p, minus lam_S."""
        return trajectory.removal(self.truth_run, to_truth(p)).lam[-1] - self.solution.lam

    def move(self, p: Perturbation, step: float) -> Array | None:
        """lam_S(weights + step p) - lam_S, by the reference's own rerun."""
        weights = self.truth_run.weights.moved(to_truth(p), step)
        return trajectory.replay(self.truth_run, weights).lam[-1] - self.solution.lam


def run_case(
    name: str,
    family: Family,
    recipe: trajectory.Recipe,
    *,
    start: Array,
    weights: Weights | None = None,
    targets: Sequence[TaskData] = (),
    code: str = "",
) -> RunCase:
    """A case from its parts; targets other than the drawn ones take their place."""
    case = RunCase(name, family, code, np.asarray(start), weights, recipe=recipe)
    if targets:
        case.__dict__["targets"] = list(targets)
    return case
