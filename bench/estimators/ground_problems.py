"""Problems at their minimiser as what an estimator reads: on digits, and wide ones for cost alone."""

from __future__ import annotations

from functools import cached_property

import torch

import metainfl as mi
from bench.estimators.ground_digits import TARGETS, instances_like, tasks_like
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.oracle.case import Case
from metainfl_reference.families import FAMILIES


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
