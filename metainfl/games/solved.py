"""v(S) by solving again: the minimiser of F without the players who are out, then its worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import SingularHessian
from metainfl.games.game import Masks
from metainfl.games.of_problem import game_of
from metainfl.games.players import Players
from metainfl.games.target import Measure, Target, measure_of
from metainfl.games.utility import Utility
from metainfl.problem import Perturbation
from metainfl.problem.asked import require_problem


def solved(
    problem: Problem, target: Target, players: Sequence[Perturbation] | None = None, **options: Any
) -> Utility:
    """The game v(S) = measure(lam*(S)): every subset is solved by Newton from problem.lam.

    `target`: Tasks (v is minus their losses, one entry each) or a function of lam. `players`: default
    all tasks. `options` are those of `Utility`. Where F is not convex a subset may lead to another valley
    than following the branch would; every subset starts at the same point, so v is a function of S.
    Raises `SingularHessian` for a subset that does not determine lam (too little data and outer_reg 0).
    Cost: one minimisation a subset, with the dense Hessian.
    """
    value = Solving(problem, target, players)
    return game_of(value, value.problem, target, "solved", options)


class Solving:
    """Mask -> worth of the minimiser; a value, so that it travels to other processes."""

    def __init__(
        self, problem: Problem, target: Target, players: Sequence[Perturbation] | None = None
    ) -> None:
        require_problem(problem)
        self.problem = problem.replaced(lam=problem.lam)
        self.players = Players(problem.tasks, players)
        self.measure: Measure = measure_of(self.problem, target)

    def lam(self, mask: Masks) -> Tensor:
        """The minimiser (p,)."""
        there = self.problem.replaced(tasks=self.players.subset(mask))
        lam = there.solve()
        h, flat = there.hessian(lam), there.tangent()
        values = torch.linalg.eigvalsh(h)
        known = 0 if flat is None else flat.shape[1]
        eps = torch.finfo(lam.dtype).eps
        if len(values) > known and float(values[known]) <= eps * len(lam) * float(values[-1].abs()):
            raise SingularHessian(
                f"with {int(mask.sum())} of {len(mask)} players the data do not determine lam (smallest "
                f"eigenvalue of the Hessian {float(values[known]):.3g}), so that this subset has no value: "
                "set outer_reg above 0, or make players of larger groups"
            )
        return lam

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        return self.measure(self.lam(mask))
