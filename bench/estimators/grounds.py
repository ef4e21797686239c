"""Digits as what an estimator reads: a problem at its minimiser, a training run, a game, each of any size."""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np
import torch

import metainfl as mi
from metainfl import games
from metainfl.data import digit_tasks
from metainfl.data.digits import principal_pixels
from metainfl.games.samplers import all_subsets
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.oracle.case import Case
from metainfl.oracle.runs.case import run_case
from metainfl.training import Recipe, train
from metainfl.training.networks import mlp
from metainfl_reference.answer import Answer, target_loss
from metainfl_reference.episodes import Episodes
from metainfl_reference.estimands import trajectory
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets as targets_of

TARGETS = 2


def tasks_like(n, components, seed=0):
    """Five-way digit tasks, one shot, two queries; each episode has its own labels."""
    return digit_tasks(components=components, shots=1, queries=2, seed=seed, tasks=n)


def instances_like(n, components, outputs, seed=0, each=3):
    """Single-level: n groups of `each` images of digits, one-hot targets, or 1 and -1 for one output."""
    x, labels = principal_pixels(components)
    rows = np.flatnonzero(labels < 3)
    rows = np.random.default_rng(seed).permutation(rows)[: n * each]
    y = 2.0 * (labels[rows, None] == 1) - 1 if outputs == 1 else np.eye(outputs)[labels[rows]]
    x, y = x[rows].reshape(n, each, -1), y.reshape(n, each, -1)
    return Episodes(x[:, :0], y[:, :0], x, y)


class Minimised:
    """A family on digits at its minimiser: `n` tasks, or groups of instances where it is single-level."""

    def __init__(
        self, family="maml_softmax", n=12, components=4, kind="task", m=TARGETS, **options
    ):
        self.single, self.kind = family.startswith("single"), kind
        if self.single:
            outputs = 1 if family == "single_ridge" else 3
            own = instances_like(n, components, outputs)
            held = instances_like(m, components, outputs, seed=1, each=1)
        else:
            own, held = tasks_like(n, components), tasks_like(m, components, seed=1)
        self.family = FAMILIES[family](own, d_out=1.0, **options)
        self.case = Case(family, self.family, "", target_episodes=held)
        self.targets = tasks_of(held)

    @cached_property
    def problem(self):
        """Production's, solved by production: certifying a large one is not what is timed."""
        found = problem_of(self.family)
        found.solve()
        return found

    @cached_property
    def asked(self):
        """Every task; or query or support instances of the first tasks, two of each."""
        t = self.problem.tasks.n_tasks
        if self.kind == "task":
            return [mi.task(k) for k in range(t)]
        of = mi.query if self.kind == "query" else mi.support
        return [of(k, j) for k in range(t) for j in range(2)]

    @cached_property
    def removal(self):
        """Loss of each target after exact removal minus before (n, m)."""
        return self.case.truth("removal_score", self.asked)

    def truth(self, estimand):
        """The reference's own answer."""
        return self.case.truth(estimand, self.asked)

    def unit(self):
        """What a cost is counted in: one gradient of the meta-objective."""
        return self.problem.gradient(self.problem.lam)


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


@cache
def ground(made, /, **options):
    """Each is made once."""
    return made(**options)


class Wide:
    """Ridge on random data, for cost alone: `n` tasks of eight instances, `p` parameters, no adaptation."""

    def __init__(self, n=1000, p=64, m=1):
        draw = torch.Generator().manual_seed(0)

        def tasks(k):
            x = torch.randn(k, 8, p, generator=draw, dtype=torch.float64)
            y = torch.randn(k, 8, 1, generator=draw, dtype=torch.float64)
            return mi.Tasks(x[:, :0], y[:, :0], x, y)

        self.problem = mi.Problem(mi.Linear(p, 1), tasks(n), mi.NoAdaptation(), outer_reg=1.0)
        self.problem.solve()
        self.targets, self.asked = tasks(m), [mi.task(k) for k in range(n)]

    def unit(self):
        """What a cost is counted in: one gradient of the objective."""
        return self.problem.gradient(self.problem.lam)


def numpy(x):
    """As an array, wherever it came from."""
    return (
        x.detach().double().numpy() if isinstance(x, torch.Tensor) else np.asarray(x, dtype=float)
    )
