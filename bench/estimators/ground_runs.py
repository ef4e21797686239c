"""Training runs as what an estimator reads: with exact answers, and of a network for cost alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np

import metainfl as mi
from bench.estimators.ground_digits import TARGETS, tasks_like
from metainfl.data import digit_tasks
from metainfl.oracle.bridge import tasks_of
from metainfl.oracle.runs.case import run_case
from metainfl.training import Recipe, train
from metainfl.training.networks import mlp
from metainfl_reference.answer import Answer, target_loss
from metainfl_reference.estimands import trajectory
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets as targets_of


class Trained:
    """A run on a family whose exact answers the reference has: tasks, one in each batch where asked."""

    def __init__(self, n=12, steps=24, batch=3):
        family = FAMILIES["maml_softmax"](tasks_like(n, 4), d_out=0.05)
        draw = np.random.default_rng(0)
        batches = tuple(tuple(int(i) for i in draw.permutation(n)[:batch]) for _ in range(steps))
        recipe = trajectory.Recipe(batches=batches, rates=(0.2,) * steps)
        start = 0.3 * draw.standard_normal(family.n_meta)
        held = tasks_like(TARGETS, 4, 1)
        self.case = run_case("run", family, recipe, start=start, targets=targets_of(held))
        self.targets, self.asked = tasks_of(held), [mi.task(k) for k in range(n)]

    @cached_property
    def run(self):
        """Production's run."""
        return self.case.problem()

    @cached_property
    def removal(self):
        """Loss of each target at the end of the run without a task, minus with it (n, m)."""
        known = self.case.known
        shifts = [self.case.removal_shift(p) for p in self.asked]

        def losses(lam):
            at = Answer.exactly(lam)
            return [float(target_loss(known.family, t, at).value) for t in known.targets]

        here = self.case.solution.lam
        return np.array([losses(here + s) for s in shifts]) - losses(here)

    def truth(self, estimand):
        """The reference's own answer."""
        return self.case.truth(estimand, self.asked)


class Network:
    """A run of a network on digits, for cost alone: `n` tasks, all of them in every batch by default."""

    def __init__(self, n=40, steps=20, hidden=16, m=2, batch=None):
        every = tasks_of(digit_tasks(tasks=n + m))
        net = mlp((64, hidden, 5), activation="tanh", seed=0)
        problem = mi.Problem(
            net,
            every.select(list(range(n))),
            mi.Unrolled(1, 0.1),
            inner_loss=mi.cross_entropy,
            outer_reg=1e-3,
        )
        self.run = train(
            problem, Recipe(rate=0.03, steps=steps, batch_size=batch or n), progress=False
        )
        self.targets, self.asked = (
            every.select(list(range(n, n + m))),
            [mi.task(k) for k in range(n)],
        )

    def unit(self):
        """What a cost is counted in: the training."""
        return self.run.program.run_to(self.run.done)
