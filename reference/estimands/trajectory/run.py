"""A run as a value: every state it went through, and how far rounding has moved each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metainfl_reference import wide
from metainfl_reference.answer import Answer, beside
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.estimands.trajectory import step
from metainfl_reference.estimands.trajectory.batch import Batch
from metainfl_reference.estimands.trajectory.recipe import Recipe
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.family import Family

Array = np.ndarray


@dataclass(frozen=True)
class Run:
    """States s_0 ... s_S of one recipe on one family with these weights. Make it with `run`."""

    family: Family
    recipe: Recipe
    weights: Weights
    states: tuple[State, ...]

    @property
    def lam(self) -> Array:
        """lam_0 ... lam_S as rows (S + 1, p)."""
        return np.stack([s.lam for s in self.states])

    @property
    def final(self) -> Answer:
        """lam_S (p,)."""
        return self.point(-1)

    def point(self, t: int) -> Answer:
        """lam_t (p,), with one bound (2-norm) on what rounding did to it."""
        lam = self.states[t].lam
        return Answer(lam, lambda: beside(lam[None], self.wide.states[t].lam[None], rows=True)[0])

    def batch(self, t: int) -> Batch:
        """The batch of step t at lam_t."""
        return _batch(self.family, self.recipe, t, self.weights, self.states[t].lam)

    @cached_property
    def wide(self) -> Run:
        """The same program from the same start in the wide format."""
        family = wide.lifted_family(self.family)
        return run(
            family, self.recipe, self.states[0].mapped(wide.widened), wide.lifted(self.weights)
        )


def run(
    family: Family, recipe: Recipe, start: Array | State, weights: Weights | None = None
) -> Run:
    """The run from `start`: a lam (p,) with a fresh optimiser, or a state that goes on.

    Raises `InvalidProblem` for a start of another size and `NotCertified` where the run leaves the
    finite numbers.
    """
    w = weights or Weights.ones(family.episodes)
    state = start if isinstance(start, State) else State.at(start)
    if state.lam.shape != (family.n_meta,):
        raise InvalidProblem(f"the start is {state.lam.shape}, the family has ({family.n_meta},)")
    if w.task.dtype.kind == "c":
        state = state.mapped(lambda x: x.astype(complex))
    states = [state]
    for t, rate in enumerate(recipe.rates):
        g = _batch(family, recipe, t, w, states[-1].lam).gradient()
        states.append(step.forward(recipe, rate, states[-1], g))
        if not np.all(np.isfinite(wide.narrow(states[-1].lam))):
            raise NotCertified(f"the run is not finite after step {t}; use a smaller rate")
    return Run(family, recipe, w, tuple(states))


def _batch(family: Family, recipe: Recipe, t: int, w: Weights, lam: Array) -> Batch:
    return Batch(family, recipe.batches[t], w, lam, mean=recipe.reduction == "mean")
