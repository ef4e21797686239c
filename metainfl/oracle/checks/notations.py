"""Cases written down in another way: tasks of their own sizes without padding, and labels as numbers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.oracle.case import Case
from metainfl.oracle.targets import as_tasks
from metainfl.problem.perturbation import Perturbation, group
from metainfl.problem.tasks import Tasks
from metainfl_reference.episodes import Episodes

SIDES = ("support", "query")


class Written(Case):
    """A case with the same truths, whose tasks and targets are given to a method otherwise."""

    @classmethod
    def of(cls, case: Case) -> Self:
        """The case, all that it knows already included."""
        other = object.__new__(cls)
        other.__dict__.update(case.__dict__)
        return other

    def problem(self, *given: Any, **named: Any) -> Problem:
        """As `Case.problem`."""
        problem = super().problem(*given, **named)
        return problem.replaced(tasks=self.written(problem.tasks, self.order))

    def target_tasks(self, like: Problem) -> Tasks:
        """As `Case.target_tasks`, in their own order."""
        found = as_tasks(self.targets, Case.problem(self), self.target_weights)
        return self.written(found, range(found.n_tasks)).to(like.lam.device, like.lam.dtype)

    @property
    def order(self) -> list[int]:
        """Which task stands where."""
        return list(range(self.family.episodes.n_tasks))

    def there(self, p: Perturbation) -> Perturbation:
        """The same datum as it is called here."""
        return p

    def written(self, tasks: Tasks, order: Sequence[int]) -> Tasks:
        """The tasks in this notation and order."""
        raise NotImplementedError


class Unpadded(Written):
    """Without the rows of weight 0. The first task, which has none, stands second: no group of one size is a
    stretch of the tasks.
    """

    @property
    def order(self) -> list[int]:
        """The first two exchanged."""
        every = super().order
        return [*every[:2][::-1], *every[2:]]

    def there(self, p: Perturbation) -> Perturbation:
        """Where the datum stands among those that count."""
        if p.kind == "group":
            return group([self.there(m) for m in p.members])
        instance, side = p.instance, p.kind.removesuffix("_input")
        if side in SIDES:
            weights = getattr(self.solution.weights, side)[p.task, :instance]
            instance = int((weights != 0).sum())
        return replace(p, task=self.order.index(p.task), instance=instance)

    def written(self, tasks: Tasks, order: Sequence[int]) -> Tasks:
        """Ragged."""
        given = []
        for k in order:
            one = {"task_weight": tasks.w[k]}
            for side in SIDES:
                kept = getattr(tasks, f"{side}_weight")[k] != 0
                names = (f"{side}_{n}" for n in ("x", "y", "weight"))
                one |= {n: getattr(tasks, n)[k][kept] for n in names}
            given.append(one)
        return Tasks.ragged(given)


class UnpaddedTargets(Unpadded):
    """Of the targets alone."""

    def problem(self, *given: Any, **named: Any) -> Problem:
        """As `Case.problem`."""
        return Case.problem(self, *given, **named)

    def there(self, p: Perturbation) -> Perturbation:
        """The same."""
        return p


class Numbered(Written):
    """With the number of each instance's class for its label."""

    def written(self, tasks: Tasks, order: Sequence[int]) -> Tasks:
        """The same tasks."""
        s, q = tasks.support_y.argmax(-1), tasks.query_y.argmax(-1)
        weights = (tasks.w, tasks.support_weight, tasks.query_weight)
        return Tasks(tasks.support_x, s, tasks.query_x, q, *weights)


class NumberedUnpadded(Unpadded):
    """Both at once."""

    def written(self, tasks: Tasks, order: Sequence[int]) -> Tasks:
        """Ragged, with labels that are numbers."""
        return super().written(Numbered.written(self, tasks, order), order)  # type: ignore[arg-type]


class Turned(Written):
    """With tensors whose numbers stand in another order in memory: views, as a transposed batch is."""

    def written(self, tasks: Tasks, order: Sequence[int]) -> Tasks:
        """The same tasks."""
        names = [f"{side}_{n}" for side in SIDES for n in ("x", "y")]
        views = {n: getattr(tasks, n).transpose(0, 1).contiguous().transpose(0, 1) for n in names}
        own = {f"{n}_weight": getattr(tasks, f"{n}_weight") for n in ("task", *SIDES)}
        return Tasks(**views, **own)


def of_few_classes(case: Case) -> Case:
    """One query a task, of another class from task to task: no task's queries hold every class."""
    e, family = case.family.episodes, copy.copy(case.family)
    k = np.arange(e.n_tasks)
    place = ((2 * k + 1) % e.query_x.shape[1])[:, None]
    own = (a[k[:, None], place] for a in (e.query_x, e.query_y))
    family.episodes = Episodes(e.support_x, e.support_y, *own)
    words = "one query a task"
    return replace(case, name=f"{case.name}, {words}", family=family, code=f"{case.code}, {words}")
