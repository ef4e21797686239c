"""Other people's training loops as runs: recorded step by step, accepted only if replaying gives them back.

    recorder = Recorder(net, torch_optimiser)
    for ...:                                  # the loop as it is
        torch_optimiser.step()
        recorder.step(tasks_of_this_step)     # indices of tasks, or `Tasks`
        scheduler.step()                      # if there is one: after the rate was read
    run = recorder.run(problem)

Each recorded step is taken again from the parameters recorded before it, and must end in those recorded
after it, to rounding; otherwise `NotReplayed` names the first step that differs, and by how much
(`agreement`). Where a replay of all steps magnifies rounding, the run follows the loop (`following`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe, RunNotFinite
from metainfl.problem.asked import require_problem
from metainfl.problem.tasks import Tasks
from metainfl.training import recorded
from metainfl.training.agreement import require_same
from metainfl.training.begin import begin
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.following import explained, with_rounding
from metainfl.training.of_torch import (
    carries,
    in_proportion,
    joined_later,
    of_torch,
    rates_of,
    state_of_torch,
)
from metainfl.training.progress import bar
from metainfl.training.recipe import Recipe
from metainfl.training.recorded import require_loop
from metainfl.training.run import Run
from metainfl.training.train import KEEP


class Recorder:
    """Batches, rates and parameters of a loop that somebody else wrote, from the moment it is made.

    That may be late in a training: what is recorded is then its last phase, from the state it had there.
    """

    def __init__(self, net: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        require_loop(net, optimiser)
        self.net, self.torch_optimiser = net, optimiser
        own = list(recorded.trained(net).values())
        self.optimiser = of_torch(optimiser, own)
        self.trained = recorded.trained(net).keys()
        self.start = self._flat()
        #: with the moments of the steps that the optimiser has taken already, if any
        self.begun = state_of_torch(optimiser, own, self.start)
        #: those that had no gradient in any of these steps
        self.idle = [p for p in own if self.begun and not carries(optimiser, p)]
        #: of a rate that is a tensor
        self.rate_dtype: torch.dtype | None = None
        #: rates (of each group), batch and parameters after it of every step, one record each: whole, or not
        #: there
        self.steps: list[tuple[tuple[float, ...], list[int] | Tasks, Tensor]] = []
        #: after `run`, which parameters (p,) ended elsewhere than in the loop, by rounding: see `agreement`
        self.loose: Tensor | None = None

    @property
    def states(self) -> list[Tensor]:
        """Parameters before the first step and after each."""
        return [self.start, *(state for _, _, state in self.steps)]

    def _flat(self) -> Tensor:
        trained = recorded.trained(self.net)
        if trained.keys() != self.trained:
            raise InvalidRecipe(
                f"{sorted(trained.keys() ^ self.trained)[0]!r} was frozen or set free after the recorder was "
                "made: what is trained must stay the same; give each phase an optimiser and a recorder of "
                "its own"
            )
        return torch.cat([p.detach().reshape(-1) for p in trained.values()]).clone()

    def step(self, batch: Sequence[int] | Tasks) -> None:
        """Call directly after each step of the optimiser, before a scheduler's: which tasks it was taken on,
        by their places in the problem's tasks, or as `Tasks` where the loop draws new ones at each step.
        """
        after = recorded.finite(self._flat(), len(self.steps))
        own = list(recorded.trained(self.net).values())
        recorded.require_alike(self.optimiser, of_torch(self.torch_optimiser, own))
        if self.begun and any(carries(self.torch_optimiser, p) for p in self.idle):
            raise joined_later(0, self.begun.steps)
        given = rates_of(self.torch_optimiser, own)
        self.steps.append((tuple(map(float, given)), recorded.batch(batch), after))
        self.rate_dtype = recorded.computed_in(given[0])

    def recipe(self, **options: Any) -> tuple[Recipe, Tasks | None]:
        """The recipe of what was recorded, and the tasks handed over with it (None: indices were)."""
        batches = [b for _, b, _ in self.steps]
        given = [b for b in batches if isinstance(b, Tasks)]
        if given and len(given) < len(batches):
            raise InvalidRecipe("hand over indices at every step, or tasks at every step")
        if not batches:
            raise InvalidRecipe("nothing was recorded: call recorder.step(batch) after each step")
        tasks, places = None, batches
        if given:
            tasks, starts = recorded.joined(given), [0]
            for b in given:
                starts.append(starts[-1] + b.n_tasks)
            places = [list(range(a, b)) for a, b in pairwise(starts)]
        rounding = torch.finfo(self.rate_dtype or torch.float64).eps
        optimiser, rates = in_proportion(self.optimiser, [r for r, _, _ in self.steps], rounding)
        own: dict[str, Any] = {"rate": rates, "batches": places, "optimiser": optimiser}
        known = [f.name for f in fields(Recipe)]
        wrong = [name for name in options if name not in known]
        if wrong:
            raise InvalidRecipe(f"a recipe has no {wrong[0]!r}; it has {', '.join(known)}")
        return Recipe(**{**own, **options}), tasks

    def run(
        self, problem: Problem, *, keep: int = KEEP, progress: bool = True, **options: Any
    ) -> Run:
        """The run, on a problem that says what the loop's loss is; `options` are the recipe's (clip,
        reduction). The problem's tasks are those that indices name; tasks that were handed over take
        their place. Raises `NotReplayed`.

        Where rounding alone takes a replay away from the loop, the run follows the loop, step by step
        (`following`): `run.program.rounding` then holds what is added. `progress` shows, on a terminal, which
        step is being compared: each takes ten times as long as in the loop, or more.
        """
        require_problem(problem)
        recipe, tasks = self.recipe(**options)
        if tasks is not None:
            problem = problem.replaced(tasks=tasks)
        program = begin(problem, recipe, self.begun or self.start)
        with bar("steps compared", program.steps, progress) as tell:
            agreement = require_same(program, self.states, self.rate_dtype, tell)
        run = Run(Checkpoints(program, keep))
        try:
            drift = agreement.drift(run.resume(progress=progress).lam, self.states)
        except RunNotFinite:  # the loop was not
            drift = math.inf
        if not drift <= torch.finfo(run.lam.dtype).eps ** 0.5:
            known = math.isfinite(drift)
            if known and not explained(program, run.lam, agreement, self.states[-1]):
                raise recorded.beyond(drift, len(self.steps))
            program = with_rounding(program, agreement.rounding)
            run = Run(Checkpoints(program, keep)).resume(progress=progress)
        self.loose = agreement.loose(run.lam, self.states)
        return run
