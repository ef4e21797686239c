"""v(S) after one gradient step on the players who are in: the game that Gradient-Shapley is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.games.game import Masks
from metainfl.games.of_problem import game_of
from metainfl.games.players import Players
from metainfl.games.target import Target, measure_of
from metainfl.games.utility import Utility
from metainfl.numbers import POSITIVE, real
from metainfl.problem import Perturbation
from metainfl.problem.asked import require_problem


def one_step(
    problem: Problem,
    target: Target,
    rate: float,
    players: Sequence[Perturbation] | None = None,
    *,
    start: Tensor | None = None,
    **options: Any,
) -> Utility:
    """The game v(S) = measure(lam_0 - rate grad F_S(lam_0)), lam_0 = `start` or problem.lam.

    F_S is F with the weights of players who are out at 0, its regulariser included. One gradient a subset.
    """
    require_problem(problem)
    rate = real(rate, "a rate", POSITIVE, InvalidOption)
    here = problem.replaced(lam=problem.lam if start is None else start)
    value = _Step(here, target, rate, players)
    return game_of(value, here, target, f"one step of {value.rate!r}", options)


class _Step:
    """Mask -> worth after the step."""

    def __init__(
        self,
        problem: Problem,
        target: Target,
        rate: float,
        players: Sequence[Perturbation] | None,
    ) -> None:
        self.problem, self.rate = problem, rate
        self.players = Players(problem.tasks, players)
        self.measure = measure_of(problem, target)

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        lam = self.problem.lam
        there = self.problem.replaced(tasks=self.players.subset(mask))
        return self.measure(lam - self.rate * there.gradient(lam))
