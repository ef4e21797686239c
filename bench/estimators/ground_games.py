"""Games as what an estimator reads: all values known, with one target or each player as one."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bench.estimators.ground_digits import tasks_like
from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl_reference.families import FAMILIES


class Played:
    """A game of tasks with all 2^n values known: proximal ridge on digits, v = minus a target's loss."""

    def __init__(self, n=10):
        family = FAMILIES["proximal_ridge"](tasks_like(n, 4), d_in=1.0, d_out=1.0)
        self.problem = problem_of(family)
        self.problem.solve()
        self.targets = self.judged_on()
        worth = games.quadratic(self.problem, self.targets).many(all_subsets(n))
        self.game = games.Table(worth if worth.shape[1] > 1 else worth[:, 0])

    def judged_on(self):
        """One task that is not among the players."""
        return tasks_of(tasks_like(1, 4, 1))

    @cached_property
    def removal(self):
        """V(N) - v(N - i)."""
        v, full = self.game.values, 2**self.game.n - 1
        return np.array([v[full] - v[full ^ (1 << i)] for i in range(self.game.n)])


class Squared(Played):
    """The same, with each player as a target of its own."""

    def __init__(self, n=8):
        super().__init__(n)

    def judged_on(self):
        return self.problem.tasks
