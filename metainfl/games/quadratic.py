"""v(S) in closed form where F is quadratic and a sum over the players: one linear solve a subset.

    grad F_S(lam) = A_0 lam - b_0 + sum_{i in S} (A_i lam - b_i)
    lam*(S)       = (A_0 + sum A_i)^{-1} (b_0 + sum b_i)
with A_0, b_0 of what no player carries (the regulariser). n + 1 Hessians and gradients are taken once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem, SingularHessian
from metainfl.games.game import Masks
from metainfl.games.of_problem import game_of
from metainfl.games.players import Players
from metainfl.games.target import Target, measure_of
from metainfl.games.utility import Utility
from metainfl.problem import Perturbation
from metainfl.problem.asked import require_problem


def quadratic(
    problem: Problem, target: Target, players: Sequence[Perturbation] | None = None, **options: Any
) -> Utility:
    """The game of `solved`, each subset by one Cholesky solve (p, p); problem.lam is not needed.

    Raises `InvalidProblem` where F is not quadratic, or not a sum over the players (support instances
    are not, nor a task beside its own instances): both are tried at a point of their own.
    `SingularHessian` for a subset that does not determine lam.
    """
    require_problem(problem)
    value = _Closed(problem, target, players)
    return game_of(value, problem, target, "quadratic", options)


class _Closed:
    """A_i and b_i, stacked, the constant part first."""

    def __init__(
        self, problem: Problem, target: Target, players: Sequence[Perturbation] | None
    ) -> None:
        self.players = Players(problem.tasks, players)
        self.measure = measure_of(problem, target)
        n, zero = len(self.players), problem.tasks.like.new_zeros(problem.n_meta)
        parts = [self._part(problem, np.zeros(n, dtype=bool), zero)]
        for one in np.eye(n, dtype=bool):
            a, b = self._part(problem, one, zero)
            parts.append((a - parts[0][0], b - parts[0][1]))
        self.a = torch.stack([a for a, _ in parts])
        self.b = torch.stack([b for _, b in parts])
        self._tried(problem)

    def _part(self, problem: Problem, mask: Masks, zero: Tensor) -> tuple[Tensor, Tensor]:
        there = problem.replaced(tasks=self.players.subset(mask))
        return there.hessian(zero), -there.gradient(zero)

    def _tried(self, problem: Problem) -> None:
        """At a point that is not 0, with everyone in: what is neither quadratic nor a sum shows.

        Its gradient is sums of n + 1 terms of p products each, so it agrees to that many roundings.
        """
        lam = torch.linspace(-1.0, 1.3, problem.n_meta, dtype=self.b.dtype, device=self.b.device)
        full = problem.gradient(lam)
        size = (self.a.abs() @ lam.abs()).sum(0) + self.b.abs().sum(0)
        gap = (self.a.sum(0) @ lam - self.b.sum(0) - full).abs()
        eps = torch.finfo(lam.dtype).eps
        room = 64 * eps * (len(self.a) + len(lam)) * float(size.max())
        if float(gap.max()) > room:
            raise InvalidProblem(
                "this game has no closed form: F is not quadratic in lam, or not a sum over its players "
                f"(gradient off by {float(gap.max()):.3g}, rounding explains {room:.3g}); take "
                "metainfl.games.solved, which solves every subset again"
            )

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        take = torch.tensor([True, *mask.tolist()], device="cpu")
        factor, info = torch.linalg.cholesky_ex(self.a[take].sum(0))
        eps = torch.finfo(factor.dtype).eps
        low, high = factor.diagonal().min(), factor.diagonal().max()
        if int(info) or float(low) ** 2 <= eps * len(factor) * float(high) ** 2:
            raise SingularHessian(
                f"with {int(mask.sum())} of {len(mask)} players the data do not determine lam: set "
                "outer_reg above 0, or make players of larger groups"
            )
        lam = torch.cholesky_solve(self.b[take].sum(0)[:, None], factor)[:, 0]
        return self.measure(lam)
