"""What a question will take: training, adjoint, removals, a game, measured on a few steps and scaled.

    training = S step;   adjoint of m targets = S (a + b m) + R step
    n removals = n training;   a game of n replays = n training
step, a and b are measured here, on the first few steps of the recipe's own program, at one and at four
targets. R, the steps that are computed again where not all states are kept, is counted on the run's own
schedule. Memory is that of the states held and of the sensitivities; graphs of a batch come on top. On
another machine everything is divided by its speed and, at best, by its ranks, of a step by its tasks at most.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.numbers import said, whole
from metainfl.problem.tasks import Tasks
from metainfl.training import Recipe, Run, train
from metainfl.training.begin import begin
from metainfl.training.checkpoints import Counted

__all__ = ["Plan", "plan"]

TRIED = 4  # steps that are taken to measure one
REPEATS = 3  # of which the fastest counts


@dataclass(frozen=True)
class Plan:
    """Seconds a step, and of the adjoint a step: fixed and a target. Bytes of one state, the most states held
    at once, the steps that the adjoint computes `again`, and the tasks of the largest step.
    """

    steps: int
    tasks: int
    parameters: int
    step: float
    fixed: float
    target: float
    state: int
    states: int
    batch: int
    again: int = 0

    def rows(
        self, *, targets: int, removals: int, game: int, speed: float = 1.0, ranks: int = 1
    ) -> list[dict[str, float | str]]:
        """What, seconds and bytes; for a machine of `speed` times this one's and `ranks` processes."""
        for name, value in (("targets", targets), ("removals", removals), ("game", game)):
            if value < 0:
                raise InvalidOption(f"{name} must not be negative, got {value}")
        if not (speed > 0 and ranks >= 1):
            raise InvalidOption(f"speed is positive and ranks at least 1, got {speed} and {ranks}")
        training = self.steps * self.step
        adjoint = self.steps * (self.fixed + self.target * targets) + self.again * self.step
        kept = self.states * self.state
        found = [
            ("training", training, kept),
            (f"adjoint of {targets} targets", adjoint, kept + 8 * targets * self.tasks),
            (f"{removals} removals, run again", removals * training, self.state),
            (f"a game of {game} replays", game * training, self.state),
        ]
        alike = (1, 1, removals, game)  # runs that need not wait for one another
        at_once = [speed * min(ranks, self.batch * max(1, n)) for n in alike]
        return [
            {"what": w, "seconds": s / share, "bytes": float(b)}
            for (w, s, b), share in zip(found, at_once, strict=True)
        ]


def plan(problem: Problem, recipe: Recipe, targets: Tasks, *, keep: int = 2**30) -> Plan:
    """Measured on the first steps of the recipe; takes some `REPEATS` times `TRIED` of them."""
    for name, value, kind in (
        ("problem", problem, Problem), ("recipe", recipe, Recipe), ("targets", targets, Tasks)
    ):  # fmt: skip
        if not isinstance(value, kind):
            raise InvalidOption(f"{name} must be a metainfl {kind.__name__}, got {said(value)}")
    keep = whole(keep, "keep", 1, error=InvalidOption)
    n = problem.tasks.n_tasks
    batches, rates = recipe.batches_of(n), recipe.rates()
    few = min(TRIED, len(batches))
    short = replace(recipe, steps=None, batch_size=None, batches=batches[:few], rate=rates[:few])
    run = train(problem, short, progress=False)
    step = min(_timed(lambda: run.replay()) for _ in range(REPEATS)) / few
    one, four = (_adjoint(run, targets, m) / few for m in (1, 4))
    each = max(0.0, (four - one) / 3)
    back = Counted(begin(problem, recipe, None), keep)
    return Plan(
        steps=len(batches),
        tasks=n,
        parameters=problem.n_meta,
        step=step,
        fixed=max(0.0, one - each),
        target=each,
        state=run.state.bytes(),
        states=back.peak,
        batch=max(len(b) for b in batches),
        again=back.recomputed,
    )


def _adjoint(run: Run, targets: Tasks, m: int) -> float:
    slopes = run.target_slopes(targets.select([i % targets.n_tasks for i in range(m)]))
    run.sensitivities(slopes)  # once warm
    return min(_timed(lambda: run.sensitivities(slopes)) for _ in range(REPEATS))


def _timed(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - started
