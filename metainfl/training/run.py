"""Training runs: the deterministic program that was run, what it ended in, and what that depends on.

    lam_S(w, u, v)   the last lam, a smooth function of the weights of tasks and instances
    influence        d lam_S/d weight, exact: no stationary point, no convexity is asked for
    removal          the same program with that weight at 0 (`without`), exact too
Sign and scale are those of `metainfl.influence`: weights are 1, and the score of a removal is minus the
derivative. Source: the identities of section "training run" in the documentation; MAGIC (Ilyas and
Engstrom 2025) for single-level learning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import Interrupted, InvalidProblem, InvalidRecipe, RunNotFinite
from metainfl.problem.asked import require_tasks
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check, removable
from metainfl.training import beside, places, reweight
from metainfl.training.adjoint import Sensitivities, adjoint
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.program import Program
from metainfl.training.progress import Watch, bar, watching
from metainfl.training.recipe import Recipe
from metainfl.training.replays import replayed
from metainfl.training.scores import RunInfluence, RunScores
from metainfl.training.seeds import must_draw
from metainfl.training.smoothness import Smoothness, metasmoothness
from metainfl.training.state import State
from metainfl.training.tangent import tangent

KEEP = 2**30
MOVED = (
    ". A run with the input moved by a value is run.replay({shift: value}), its derivative run.scores or "
    "run.influence"
)


def train(
    problem: Problem,
    recipe: Recipe,
    *,
    start: Tensor | State | None = None,
    keep: int = KEEP,
    progress: bool | Watch = True,
) -> Run:
    """The run of `recipe` on `problem`, from `start` (default: problem.lam, or the module's parameters).

    A `State` as start carries the optimiser's moments on: the run is then a last phase, and its influence
    is over that phase. `keep` bounds the bytes of states that are kept for derivatives; `progress` shows a
    line on stderr where that is a terminal, or is told (done, steps, loss, state). Raises `RunNotFinite`
    (step, task) and `Interrupted`, both with the run so far as `result`: `result.resume()` goes on.
    """
    return _begun(problem, recipe, start, keep).resume(progress=progress)


def _begun(problem: Problem, recipe: Recipe, start: Tensor | State | None, keep: int) -> Run:
    """Looked at, and no step taken."""
    program = Program(problem, recipe, start)
    preflight(program.problem.replaced(lam=program.start.lam), program.problem.tasks)
    program.problem.derivatives_hold = True
    return Run(Checkpoints(program, keep))


class Run:
    """A training run, finished or not; made by `train`."""

    def __init__(self, kept: Checkpoints) -> None:
        self.kept = kept
        self.state, self._losses = kept.program.start, list[float]()
        #: how many steps it was last to take: where an interrupted replay stops
        self.until = 0
        kept.offer(0, self.state)

    # -- what it is ---------------------------------------------------------------------------------
    @property
    def program(self) -> Program:
        """Problem, recipe, batches, start."""
        return self.kept.program

    @property
    def recipe(self) -> Recipe:
        """As given."""
        return self.program.recipe

    @property
    def lam(self) -> Tensor:
        """The last meta-parameters (p,), a copy."""
        return self.state.lam.clone()

    @property
    def done(self) -> int:
        """Steps taken: those that the state has behind it."""
        return self.state.steps - self.program.start.steps

    @property
    def losses(self) -> list[float]:
        """Of the batch of every step, at the state before it."""
        return self._losses[: self.done]

    @property
    def finished(self) -> bool:
        """Whether all of the recipe's steps were taken."""
        return self.done == self.program.steps

    def problem(self) -> Problem:
        """The run's problem, a copy with lam at the end of the run."""
        return self.program.problem.replaced(lam=self.lam)

    def __repr__(self) -> str:
        """`Run(200 of 200 steps, SGD, 1125 parameters, 236 tasks, loss 2.25 -> 0.41)`."""
        p = self.program
        text = f"Run({self.done} of {p.steps} steps, {type(self.recipe.optimiser).__name__}, "
        text += f"{p.problem.n_meta} parameters, {p.problem.tasks.n_tasks} tasks"
        if self.done:
            text += f", loss {self._losses[0]:.4g} -> {self._losses[self.done - 1]:.4g}"
        return text + ")"

    # -- going on -----------------------------------------------------------------------------------
    def resume(self, *, progress: bool | Watch = True) -> Run:
        """The same run, after the steps that are still to be taken; a replay that was stopped on its way
        goes as far as the run that it is compared with.
        """
        return self._to(self.until if self.done < self.until else self.program.steps, progress)

    def _to(self, steps: int, progress: bool | Watch) -> Run:
        """After `steps` steps: all of them, or as many as the run that is compared with has taken."""
        self.until = steps
        try:
            with watching(self.program, steps, progress) as watch:
                while self.done < steps:
                    before = self.state
                    loss = self._step(self.done, before)
                    if watch:
                        watch(self.done, steps, loss, before)
        except KeyboardInterrupt:
            raise Interrupted(
                f"training interrupted after {self.done} of {steps} steps; `result` holds the run, "
                "and result.resume() goes on",
                self,
            ) from None
        except RunNotFinite as error:
            error.result = self
            raise
        return self

    def _step(self, t: int, before: State) -> float:
        """One step. The state comes last, and with it the step counts: what stops it earlier leaves the
        run as it was.
        """
        after, value = self.program.advance(t, before)
        loss = float(value)
        self._losses[t:] = [loss]
        self.kept.offer(t + 1, after)
        self.state = after
        return loss

    def state_at(self, t: int) -> State:
        """s_t, 0 <= t <= done; computed again where it was not kept."""
        if not 0 <= t <= self.done:
            raise InvalidRecipe(f"states run from 0 to {self.done}, asked for {t}")
        return self.state if t == self.done else self.kept.at(t)

    def phase(self, first: int, *, progress: bool | Watch = True) -> Run:
        """The run's steps from `first` on as a run of their own, its state there taken as given.

        Of an unfinished run those that it has taken; the phase's own `resume` takes the others.
        """
        recipe = self.recipe.from_step(first, self.program.problem.tasks.n_tasks)
        program = Program(self.program.problem, recipe, self.state_at(first))
        return Run(Checkpoints(program, self.kept.keep))._to(self.done - first, progress)

    # -- derivatives --------------------------------------------------------------------------------
    def sensitivities(
        self, seeds: Tensor, read: Sequence[str] = ("task_weight",), *, progress: bool = False
    ) -> Sensitivities:
        """d(seeds . lam_S)/d variables for seeds (m, p): see `Sensitivities`; for measures of your own.

        `read` names "task_weight", "support_weight", "query_weight", "support_x", "query_x".
        """
        n = self.program.problem.n_meta
        if seeds.ndim != 2 or seeds.shape[1] != n or not len(seeds):
            raise InvalidRecipe(f"seeds must be (m, {n}), m at least 1, got {tuple(seeds.shape)}")
        with bar("adjoint", self.done, progress) as tell:
            return adjoint(
                self.kept, self.done, seeds.to(self.state.lam), read, lambda t, _: tell(t, "")
            )

    def influence(
        self,
        perturbations: Sequence[Perturbation],
        *,
        smoothness: bool = False,
        progress: bool = False,
    ) -> RunInfluence:
        """d lam_S/d pi (n, p), by the tangent: one pass forwards for all perturbations together."""
        check(self.program.problem.tasks, perturbations)
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
        perturbations by `seed`), or those given, each predicted and done. Minus the value, times the
        weight, is the score of a removal: positive = the data helped.
        """
        check(self.program.problem.tasks, perturbations)
        slopes = self.target_slopes(targets)
        wanted = perturbations if isinstance(reruns, int) else reruns
        if not isinstance(reruns, int) or reruns > 0:
            removable(self.program.problem.tasks, wanted)
        read = places.needed([*perturbations, *wanted])
        found = self.sensitivities(slopes, read, progress=progress)
        smooth = self.smoothness() if smoothness else None
        done = None
        if not isinstance(reruns, int) or reruns > 0:
            if isinstance(reruns, int):
                draw = torch.Generator().manual_seed(seed)
                order = torch.randperm(len(wanted), generator=draw)[:reruns]
                wanted = [wanted[i] for i in order.tolist()]
            lams = self.replay_many(wanted, jobs=jobs, progress=progress)
            done = beside.reruns(self.problem(), found, wanted, lams, targets)
        return RunScores(found.along(perturbations), self.recipe.seed, smooth, done)

    def target_slopes(self, targets: Tasks) -> Tensor:
        """D L_t at lam_S through each target's own adaptation (m, p): the seeds of the adjoint."""
        end, targets = self._end(targets)
        return end.task_gradients(end.lam, targets)

    def target_losses(self, targets: Tasks) -> Tensor:
        """L_t at lam_S, adapted (m,)."""
        end, targets = self._end(targets)
        return end.losses(end.lam, targets)

    def _end(self, targets: Tasks) -> tuple[Problem, Tasks]:
        """The problem at the end and targets that fit it; its derivatives are looked at once a run."""
        end = self.problem()
        targets = require_tasks(targets).to(end.lam.device, end.lam.dtype)
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
        problem = self.program.problem
        if isinstance(weights, Tasks):
            tasks = weights.to(self.state.lam.device, self.state.lam.dtype)
        else:
            if weights is not None and not isinstance(weights, Mapping):
                raise InvalidProblem(
                    "weights are given by perturbation, run.replay({metainfl.task(0): 0.0}) say; got "
                    + said(weights)
                )
            if weights:
                check(problem.tasks, list(weights))
            tasks = reweight.multiplied(problem.tasks, weights or {})
        program = self.program.with_tasks(tasks)
        run = Run(Checkpoints(program, self.kept.keep))
        return run._to(self.done, progress)

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
        (check if factor else removable)(self.program.problem.tasks, perturbations)
        folder = None if store is None else Path(store)
        with bar("reruns", len(perturbations), progress) as tell:
            return replayed(
                self.program,
                self.done,
                perturbations,
                factor=factor,
                jobs=jobs,
                store=folder,
                tell=tell,
            )

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
        if starts is None:
            must_draw(self.recipe, program.problem.tasks.n_tasks)
        return [
            _begun(
                program.problem,
                replace(self.recipe, seed=s),
                program.start if starts is None else starts(s),
                self.kept.keep,
            )._to(self.done, progress)
            for s in seeds
        ]

    def smoothness(self, *, h: float = 0.1, seed: int = 0) -> Smoothness:
        """The run's metasmoothness along a random direction of its task weights: two reruns."""
        return metasmoothness(self.program, self.done, self.state.lam, h=h, seed=seed)
