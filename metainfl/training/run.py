"""Training runs: the deterministic program that was run, what it ended in, and what that depends on.

    lam_S(w, u, v)   the last lam, a smooth function of the weights of tasks and instances
    influence        d lam_S/d weight, exact: no stationary point, no convexity is asked for
    removal          the same program with that weight at 0 (`without`), exact too
Sign and scale are those of `metainfl.influence`: weights are 1, and the score of a removal is minus the
derivative. Source: the identities of section "training run" in the documentation; MAGIC (Ilyas and
Engstrom 2025) for single-level learning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe
from metainfl.problem.asked import require_tasks
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.stacked import placing
from metainfl.problem.tasks import Tasks
from metainfl.problem.undone import Undone
from metainfl.problem.weights import check, removable
from metainfl.training import beside, places
from metainfl.training.adjoint import Sensitivities, adjoint
from metainfl.training.begin import begin
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.given import fields, number, vectors, whole, yes_or_no
from metainfl.training.program import Program
from metainfl.training.progress import Watch, bar
from metainfl.training.replays import replayed
from metainfl.training.reweight import reweighted
from metainfl.training.scores import RunInfluence, RunScores
from metainfl.training.seeds import must_draw
from metainfl.training.smoothness import Smoothness, metasmoothness
from metainfl.training.tangent import tangent
from metainfl.training.trajectory import Trajectory
from metainfl.training.unchanged import require_unchanged

MOVED = (
    ". A run with the input moved by a value is run.replay({shift: value}), its derivative run.scores or "
    "run.influence"
)


class Run(Trajectory):
    """A training run, finished or not; made by `train`."""

    def phase(self, first: int, *, progress: bool | Watch = True) -> Run:
        """The run's steps from `first` on as a run of their own, its state there taken as given.

        Of an unfinished run those that it has taken; the phase's own `resume` takes the others.
        """
        first, steps = whole(first, "the first step of a phase", 0), self.program.steps
        if first >= steps:
            raise InvalidRecipe(
                f"no step is left from step {first} on: this run has {steps}, the last is step {steps - 1}"
            )
        recipe = self.recipe.from_step(first, self.program.problem.tasks.n_tasks)
        require_unchanged(self.program, self.losses)
        program = Program(self.program.problem, recipe, self.state_at(first))
        program.rounding = self.program.rounding[first:]
        return Run(Checkpoints(program, self.kept.keep))._to(self.done - first, progress)

    # -- derivatives --------------------------------------------------------------------------------
    def sensitivities(
        self, seeds: Tensor, read: Sequence[str] = ("task_weight",), *, progress: bool = False
    ) -> Sensitivities:
        """d(seeds . lam_S)/d variables for seeds (m, p): see `Sensitivities`; for measures of your own.

        `read` names "task_weight", "support_weight", "query_weight", "support_x", "query_x".
        """
        seeds, read = vectors(seeds, self.state.lam), fields(read)
        require_unchanged(self.program, self.losses)
        with bar("adjoint", self.done, progress) as tell:
            return adjoint(self.kept, self.done, seeds, read, lambda t, _: tell(t, ""))

    def influence(
        self,
        perturbations: Sequence[Perturbation],
        *,
        smoothness: bool = False,
        progress: bool = False,
    ) -> RunInfluence:
        """d lam_S/d pi (n, p), by the tangent: one pass forwards for all perturbations together."""
        check(self.program.problem.tasks, perturbations)
        smoothness = yes_or_no(smoothness, "smoothness")
        require_unchanged(self.program, self.losses)
        with bar("tangent", self.done, progress) as tell:
            value = tangent(self.kept, self.done, perturbations, lambda t, _: tell(t, ""))
        return RunInfluence(value, self.smoothness() if smoothness else None)

    def scores(
        self,
        targets: Tasks,
        perturbations: Sequence[Perturbation],
        *,
        smoothness: bool = False,
        reruns: int | Sequence[Perturbation] = 0,
        seed: int = 0,
        jobs: int = 1,
        progress: bool = False,
    ) -> RunScores:
        """d L_t(lam_S)/d pi (n, m) by the adjoint: one pass backwards, whatever the number of weights.

        `smoothness` adds two reruns and the metasmoothness; `reruns` that many removals (drawn from the
        perturbations by `seed`), or those given, each predicted and done (`undone` names those that end in
        no number). Minus the value, times the
        weight, is the score of a removal: positive = the data helped.
        """
        check(self.program.problem.tasks, perturbations)
        smoothness = yes_or_no(smoothness, "smoothness")
        slopes = self.target_slopes(targets)
        removed = beside.removed(self.program.problem.tasks, perturbations, reruns, seed)
        read = places.needed([*perturbations, *(removed or ())])
        found = self.sensitivities(slopes, read, progress=progress)
        smooth = self.smoothness() if smoothness else None
        done, undone = None, dict[str, str]()
        if removed is not None:
            changes = self.removals(removed, targets, jobs=jobs, progress=progress)
            done, undone = beside.reruns(found, removed, changes)
        return RunScores(found.along(perturbations), self.recipe.seed, smooth, done, undone)

    def target_slopes(self, targets: Tasks) -> Tensor:
        """D L_t at lam_S through each target's own adaptation (m, p): the seeds of the adjoint."""
        end, targets = self._end(targets)
        with placing(end, targets, "target"):
            return end.task_gradients(end.lam, targets)

    def target_losses(self, targets: Tasks) -> Tensor:
        """L_t at lam_S, adapted (m,)."""
        end, targets = self._end(targets)
        with placing(end, targets, "target"):
            return end.losses(end.lam, targets)

    def _end(self, targets: Tasks) -> tuple[Problem, Tasks]:
        """The problem at the end and targets that fit it; its derivatives are looked at once a run."""
        end = self.problem()
        targets = require_tasks(targets, end.lam)
        with placing(end, targets, "target"):
            preflight(end, targets, "target")
        self.program.problem.derivatives_hold = True
        return end, targets

    # -- running again ------------------------------------------------------------------------------
    def replay(
        self,
        weights: Mapping[Perturbation, float] | Tasks | None = None,
        *,
        progress: bool | Watch = False,
    ) -> Run:
        """The same program, seed and start, with other weights: those that each perturbation names are
        multiplied by its value (an input shift: the value is added), or all of them given as tasks.
        """
        tasks = reweighted(self.program.problem.tasks, weights, self.state.lam)
        return self._beside(self.program.with_tasks(tasks), progress)

    def without(self, perturbation: Perturbation) -> Run:
        """The removal: the same program with the weights that are named at 0. Input shifts are refused."""
        removable(self.program.problem.tasks, [perturbation], MOVED)
        return self.replay({perturbation: 0.0})

    def replay_many(
        self,
        perturbations: Sequence[Perturbation],
        *,
        factor: float = 0.0,
        jobs: int = 1,
        store: str | Path | None = None,
        progress: bool = False,
    ) -> Tensor:
        """lam_S of many reruns (n, p), each with the weights that one perturbation names times `factor`
        (0: removed; an input shift adds the factor, and is refused at 0). `jobs` run at once through joblib;
        with a `store` (a folder) what is done is not done again, also after a kill.
        """
        factor = number(factor, "factor")
        (check if factor else removable)(self.program.problem.tasks, perturbations)
        require_unchanged(self.program, self.losses)
        with bar("reruns", len(perturbations), progress) as tell:
            lams = replayed(self.program, self.done, perturbations, factor, jobs, store, tell)
        return torch.stack(lams)

    def removals(
        self,
        perturbations: Sequence[Perturbation],
        targets: Tasks,
        *,
        jobs: int = 1,
        store: str | Path | None = None,
        progress: bool = False,
    ) -> list[Tensor | Undone]:
        """The change of the targets' losses (m,) by each removal, the program run again; or why one ends in
        no number, which costs the others nothing. `jobs` and `store` as in `replay_many`.
        """
        removable(self.program.problem.tasks, perturbations)
        require_unchanged(self.program, self.losses)
        end, targets = self._end(targets)
        with bar("reruns", len(perturbations), progress) as tell:
            of = self.program, self.done, perturbations, 0.0, jobs, store, tell
            lams = replayed(*of, apart=True)
        return beside.changes(end, targets, lams)

    def over_seeds(
        self,
        seeds: Sequence[int],
        *,
        starts: Callable[[int], Tensor] | None = None,
        progress: bool | Watch = False,
    ) -> list[Run]:
        """The same recipe with batches drawn from other seeds, and starts (p,) by seed where given: what
        differs between them is the noise that retraining has anyway. Each takes as many steps as this one.
        """
        program = self.program
        if not isinstance(seeds, Iterable) or isinstance(seeds, (str, bytes)):
            raise InvalidRecipe(f"seeds are a list, range(5) say, got {said(seeds)}")
        if starts is not None and not callable(starts):
            raise InvalidRecipe(f"starts is a function seed -> (p,), got {said(starts)}")
        if starts is None:
            must_draw(self.recipe, program.problem.tasks.n_tasks)
        runs = []
        for s in seeds:
            start = program.start if starts is None else starts(s)
            other = begin(program.problem, replace(self.recipe, seed=s), start)
            runs.append(self._beside(other, progress))
        return runs

    def _beside(self, program: Program, progress: bool | Watch) -> Run:
        """Another program, for as many steps as this run took."""
        require_unchanged(self.program, self.losses)
        return Run(Checkpoints(program, self.kept.keep))._to(self.done, progress)

    def smoothness(self, *, h: float = 0.1, seed: int = 0) -> Smoothness:
        """The run's metasmoothness along a random direction of its task weights: two reruns."""
        require_unchanged(self.program, self.losses)
        return metasmoothness(self.program, self.done, self.state.lam, h=h, seed=seed)
