"""The deterministic program that a training run is: s_{t+1} = U_t(s_t, g_t).

    g_t = grad_lam [ c_t sum_{i in B_t} w_i L_O^i(lam_t; u_i, v_i) + (outer_reg/2) |lam_t|^2 ]
with c_t = 1/|B_t| (or 1 for sums). A program copies all that it reads (`copied`).
One that follows a recorded loop adds to each lam_{t+1} the rounding r_t of the loop's own step (`following`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from metainfl.derive.loop import own_stacks, total
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack, stacks
from metainfl.errors import InvalidRecipe, NotFinite, RunNotFinite
from metainfl.problem.asked import require_problem
from metainfl.problem.given import said
from metainfl.problem.stacked import placing
from metainfl.problem.tasks import Tasks
from metainfl.training import copied, joint
from metainfl.training.augmentation import Noise
from metainfl.training.augmented import augmented, require_repeatable
from metainfl.training.groups import Groups
from metainfl.training.own_step import require_followed
from metainfl.training.recipe import Recipe
from metainfl.training.state import State, fresh
from metainfl.training.update import Update


class Program:
    """A problem, a recipe and a start."""

    def __init__(self, problem: Problem, recipe: Recipe, start: Tensor | State | None) -> None:
        require_problem(problem)
        if not isinstance(recipe, Recipe):
            raise InvalidRecipe(
                f"a run takes a metainfl.training.Recipe, Recipe(rate=0.1, steps=100) say; got {said(recipe)}"
            )
        self.problem, self.recipe = copied.problem(problem, recipe), copied.recipe(recipe)
        self.batches = recipe.batches_of(problem.tasks.n_tasks)
        self.rates = recipe.rates()
        if start is None:
            start = copied.start(problem)
        like = self.problem.tasks.like
        if isinstance(recipe.optimiser, Groups):
            recipe.optimiser.require_size(self.problem.n_meta)
        self.start = fresh(start, recipe.optimiser, like, self.problem.n_meta)
        self.update = Update(self.recipe.optimiser, recipe.clip)
        require_followed(self.update, self.start, self.steps)
        if self.recipe.augmentation is not None:
            key = recipe.seed, recipe.begins
            require_repeatable(self.problem.tasks, self.recipe.augmentation, key, self.batches[0])
        plan = self.problem.settled(self.start.lam)
        self.plan = plan.with_gradient() if self.update.needs_gradient else plan
        self._batch: tuple[int, Tasks] | None = None
        #: r_t (p,) of every step; none where no loop is followed
        self.rounding: Sequence[Tensor] = ()

    @property
    def steps(self) -> int:
        """S."""
        return len(self.batches)

    def with_tasks(self, tasks: Tasks) -> Program:
        """The same program on other tasks (other weights, say)."""
        other = copy.copy(self)
        other.problem, other._batch = self.problem.replaced(tasks=tasks), None
        return other

    def scale(self, t: int) -> float:
        """c_t."""
        return 1 / len(self.batches[t]) if self.recipe.reduction == "mean" else 1.0

    def stacks(self, t: int, lam: Tensor, *, all_tasks: bool = False) -> list[tuple[Stack, Tensor]]:
        """What is differentiated together at step t, and the places of its tasks among all tasks.

        This process's own tasks of the batch, if the loop is shared; or `all_tasks` of it.
        """
        places = torch.tensor(self.batches[t], device=lam.device)
        loop = stacks if all_tasks else own_stacks
        found = loop(self.problem, lam, self.batch(t), size=self.plan.chunk)
        return [(s, places[s.places]) for s in found]

    def batch(self, t: int) -> Tasks:
        """The tasks of step t, their inputs as they are drawn there."""
        kept = self._batch  # read once: another thread may be at another step
        if kept is None or kept[0] != t:
            tasks, own = self.problem.tasks.select(list(self.batches[t])), self.recipe.augmentation
            if own is not None:
                key = self.recipe.seed, self.recipe.begins + t
                tasks = augmented(tasks, own, key, self.batches[t])
            kept = self._batch = t, tasks
        return kept[1]

    def require_in_place(self, names: Iterable[str]) -> None:
        """`InvalidRecipe` where derivatives in inputs are asked of a program that moves them about."""
        own = self.recipe.augmentation
        adds = type(own) is Noise or own is None  # of others it is only said
        if not adds and any(n.endswith("_x") for n in names):
            raise InvalidRecipe(
                f"inputs are changed by {type(own).__name__} at every step, so the derivative in one of "
                "them is not taken; take run.replay({shift: value}), or a recipe without it"
            )

    def gradient(self, t: int, lam: Tensor) -> tuple[Tensor, Tensor]:
        """c_t times the batch's loss, and g_t (p,)."""

        def both(stack: Stack) -> Tensor:
            value, slope = joint.gradient(self.problem, lam, stack)
            return torch.cat([value[None], slope])

        zero = lam.new_zeros(1 + len(lam))
        batch = self.batch(t)
        with placing(self.problem, batch, "task", lam, self.batches[t]):
            found = total(self.problem, lam, both, zero, tasks=batch, size=self.plan.chunk)
        found = self.scale(t) * found
        return found[0], found[1:] + self.problem.prior(lam)

    def advance(self, t: int, state: State) -> tuple[State, Tensor]:
        """s_{t+1}, and the batch's loss at s_t; `RunNotFinite` names step and task."""
        loss, gradient = self.gradient(t, state.lam)
        after = self.update(state, gradient, self.rates[t])
        if self.rounding:
            after = after._replace(lam=after.lam + self.rounding[t])
        if not (torch.isfinite(loss) and torch.isfinite(after.lam).all()):
            self._blame(t, state, loss, gradient)
        return after, loss

    def run_to(self, steps: int) -> State:
        """s_steps, from the start; nothing is kept on the way."""
        state = self.start
        for t in range(steps):
            state, _ = self.advance(t, state)
        return state

    def _blame(self, t: int, state: State, loss: Tensor, gradient: Tensor) -> None:
        """Raise with the first task of the batch whose loss or gradient is not finite."""
        if torch.isfinite(loss) and torch.isfinite(gradient).all():
            raise RunNotFinite(
                f"step {t}: the gradient is finite (norm {float(gradient.norm()):.3g}), but the step taken "
                "with it is not; lower the rate, or clip",
                step=t,
            )
        try:
            self.problem.losses(state.lam, self.batch(t))
            self.problem.task_gradients(state.lam, self.batch(t))
        except NotFinite as error:
            k = None if error.task is None else self.batches[t][error.task]
            why = str(error).partition(": ")[2] or str(error)
            raise RunNotFinite(
                f"step {t}: the {error.quantity} of task {k} is not finite: {why}; or lower the rate, or "
                "clip. `result` holds the run up to here",
                step=t,
                task=k,
                quantity=error.quantity,
                instance=error.instance,
            ) from error
        raise RunNotFinite(
            f"step {t}: every task of the batch has a finite loss and gradient, but their sum overflows",
            step=t,
        )
