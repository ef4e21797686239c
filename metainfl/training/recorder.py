"""Other people's training loops as runs: recorded step by step, accepted only if replaying gives them back.

    recorder = Recorder(net, torch_optimiser)
    for ...:                                  # the loop as it is
        torch_optimiser.step()
        recorder.step(tasks_of_this_step)     # indices of tasks, or `Tasks`
        scheduler.step()                      # if there is one: after the rate was read
    run = recorder.run(problem)

Each recorded step is taken again from the parameters recorded before it, and must end in those recorded
after it, to rounding; otherwise `NotReplayed` names the first step that differs, and by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe, NotReplayed
from metainfl.problem.tasks import Tasks
from metainfl.training.of_torch import of_torch
from metainfl.training.recipe import Recipe
from metainfl.training.run import Run
from metainfl.training.state import State
from metainfl.training.train import KEEP, train

#: rounding of one step, in units of eps and relative to the step: sums over a batch cancel some digits
DIGITS = 1e4


class Recorder:
    """Batches, rates and parameters of a loop that somebody else wrote, from the moment it is made."""

    def __init__(self, net: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        self.net, self.torch_optimiser = net, optimiser
        self.optimiser = of_torch(optimiser)
        if any(optimiser.state.values()):
            raise InvalidRecipe(
                "the optimiser has taken steps already: make the recorder before them"
            )
        self.start = self._flat()
        #: rate, batch and parameters after it of every step, one record each: whole, or not there
        self.steps: list[tuple[float, list[int] | Tasks, Tensor]] = []

    @property
    def states(self) -> list[Tensor]:
        """Parameters before the first step and after each."""
        return [self.start, *(state for _, _, state in self.steps)]

    def _flat(self) -> Tensor:
        own = [p.detach().reshape(-1) for p in self.net.parameters() if p.requires_grad]
        return torch.cat(own).clone()

    def step(self, batch: Sequence[int] | Tasks) -> None:
        """Call directly after each step of the optimiser, before a scheduler's: which tasks it was taken on,
        by their places in the problem's tasks, or as `Tasks` where the loop draws new ones at each step.
        """
        rates = {float(g["lr"]) for g in self.torch_optimiser.param_groups}
        if len(rates) > 1:
            raise InvalidRecipe(
                f"parameter groups have different rates, {sorted(rates)}: not recorded"
            )
        named = batch if isinstance(batch, Tasks) else [int(k) for k in batch]
        self.steps.append((rates.pop(), named, self._flat()))

    def recipe(self, **options: Any) -> tuple[Recipe, Tasks | None]:
        """The recipe of what was recorded, and the tasks handed over with it (None: indices were)."""
        rates, batches = [r for r, _, _ in self.steps], [b for _, b, _ in self.steps]
        given = [b for b in batches if isinstance(b, Tasks)]
        if given and len(given) < len(batches):
            raise InvalidRecipe("hand over indices at every step, or tasks at every step")
        if not batches:
            raise InvalidRecipe("nothing was recorded: call recorder.step(batch) after each step")
        tasks, places = None, batches
        if given:
            tasks, starts = _joined(given), [0]
            for b in given:
                starts.append(starts[-1] + b.n_tasks)
            places = [list(range(a, b)) for a, b in pairwise(starts)]
        own: dict[str, Any] = {"rate": rates, "batches": places, "optimiser": self.optimiser}
        return Recipe(**{**own, **options}), tasks

    def run(self, problem: Problem, *, keep: int = KEEP, **options: Any) -> Run:
        """The run, on a problem that says what the loop's loss is; `options` are the recipe's (clip,
        reduction). The problem's tasks are those that indices name; tasks that were handed over take
        their place. Raises `NotReplayed`.
        """
        recipe, tasks = self.recipe(**options)
        if tasks is not None:
            problem = problem.replaced(tasks=tasks)
        run = train(problem, recipe, start=self.start, keep=keep, progress=False)
        self._check(run)
        return run

    def _check(self, run: Run) -> None:
        """Every step again from the recorded parameters; the moments are the replay's own."""
        program, eps = run.program, torch.finfo(run.lam.dtype).eps
        state = program.start
        for t, want in enumerate(self.states[1:]):
            want = want.to(state.lam)
            after, _ = program.advance(t, state)
            moved, gap = (want - state.lam).norm(), (after.lam - want).norm()
            if not gap <= DIGITS * eps * moved + 8 * eps * want.norm():
                raise NotReplayed(
                    f"step {t} of the loop is not the recipe's: from the recorded parameters it ends "
                    f"{float(gap):.3g} away, where the loop moved by {float(moved):.3g} (rounding allows "
                    f"{DIGITS * eps:.1g} of that). Look at the loss (mean or sum, over tasks and over "
                    "instances), weight decay, clipping (clip_grad_norm_ is clip=; no clip_grad_value_), the "
                    "inner rate, and which tasks were handed over; at a scheduler stepped before "
                    "recorder.step, adaptation of first order (no create_graph), and noise drawn in the loop "
                    "(dropout, augmentation)",
                    step=t,
                    gap=float(gap / moved) if moved > 0 else float("inf"),
                )
            state = State(want, after.moments, after.steps)
        drift = float((run.lam - state.lam).norm() / (state.lam - program.start.lam).norm())
        if not drift <= eps**0.5:
            raise NotReplayed(
                f"every step is the recipe's, but rounding grew to {drift:.2g} of the whole way over "
                f"{len(self.steps)} steps: the run is too rough to be replayed in {run.lam.dtype}; record "
                "it in float64, or a shorter phase of it",
                step=len(self.steps) - 1,
                gap=drift,
            )


def _joined(batches: Sequence[Tasks]) -> Tasks:
    """All tasks in the order they were handed over; weights stay with them."""
    columns = zip(*((*b.view(), b.w) for b in batches), strict=True)
    try:
        x, y, q, z, u, v, w = (torch.cat(c) for c in columns)
    except RuntimeError as error:
        raise InvalidRecipe(
            f"the tasks of different steps do not have one shape: {error}"
        ) from error
    return Tasks(x, y, q, z, w, u, v)
