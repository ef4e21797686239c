"""The states of a training run: taken one by one, kept, and computed again where they were not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import Interrupted, InvalidRecipe, RankLost, RunNotFinite
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.given import whole
from metainfl.training.program import Program
from metainfl.training.progress import Watch, watching
from metainfl.training.recipe import Recipe
from metainfl.training.state import State


class Trajectory:
    """The states of a program, from its start as far as it was run; none of what depends on them."""

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
        """The run's problem, a copy with lam at the end of the run. Its F is a sum over tasks; what steps of
        means descend has the regulariser T times: `metainfl.training.objective(run)`.
        """
        return self.program.problem.replaced(lam=self.lam)

    def __repr__(self) -> str:
        """`Run(200 of 200 steps, SGD, 1125 parameters, 236 tasks, loss 2.25 -> 0.41)`."""
        p = self.program
        own, optimiser = type(self).__name__, type(self.recipe.optimiser).__name__
        text = f"{own}({self.done} of {p.steps} steps, {optimiser}, "
        text += f"{p.problem.n_meta} parameters, {p.problem.tasks.n_tasks} tasks"
        if self.done:
            text += f", loss {self._losses[0]:.4g} -> {self._losses[self.done - 1]:.4g}"
        return text + (", following a recorded loop)" if p.rounding else ")")

    # -- going on -----------------------------------------------------------------------------------
    def resume(self, *, progress: bool | Watch = True) -> Self:
        """The same run, after the steps that are still to be taken; a replay that was stopped on its way
        goes as far as the run that it is compared with.
        """
        return self._to(self.until if self.done < self.until else self.program.steps, progress)

    def _to(self, steps: int, progress: bool | Watch) -> Self:
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
        except (RunNotFinite, RankLost) as error:
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
        return next(self.states_at([t]))[1]

    def states_at(self, times: Iterable[int]) -> Iterator[tuple[int, State]]:
        """(t, s_t) in the order of `times`; where that is upwards, no step is computed again twice."""
        return self.kept.upwards(map(self._time, times), (self.done, self.state))

    def _time(self, t: int) -> int:
        t = whole(t, "the step of a state")
        if not 0 <= t <= self.done:
            raise InvalidRecipe(f"states run from 0 to {self.done}, asked for {t}")
        return t
