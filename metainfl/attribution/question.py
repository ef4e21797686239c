"""What is asked: a run or a problem, the targets, and how its tasks are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from metainfl.attribution.pictures import shape_of
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.numbers import said
from metainfl.problem.tasks import Tasks
from metainfl.training import Recipe, Run

FORMS = (
    "return run, targets (a metainfl.training.Run and new tasks as metainfl.Tasks), or problem, targets, "
    "or problem, recipe, targets"
)


@dataclass(frozen=True, eq=False)
class Question:
    """Whose loss is asked about, and the training data of what.

    subject   a `Run`; or a `Problem` with lam set
    targets   tasks on whose loss after adaptation the effect is asked; positive scores helped it
    recipe    with a problem: train it, from its lam where that is set (a last phase), and ask the run
    names     one a training task, instead of "task 0", ...
    image     shape of an instance as a picture, (h, w) or (c, h, w), where its own shape does not say so
    centre    what was subtracted from the instances, added again where they are shown
    """

    subject: Run | Problem
    targets: Tasks
    recipe: Recipe | None = None
    names: Sequence[str] | None = None
    image: tuple[int, ...] | None = None
    centre: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.subject, (Run, Problem)):
            raise InvalidProblem(
                f"a {type(self.subject).__name__} is neither run nor problem: {FORMS}"
            )
        if isinstance(self.subject, Run) and not self.subject.done:
            raise InvalidProblem(
                "this run has taken no step, so nothing of its data is in it: call run.resume() first"
            )
        if not isinstance(self.targets, Tasks):
            raise InvalidProblem(
                f"targets are a {type(self.targets).__name__}, not metainfl.Tasks: {FORMS}"
            )
        if self.recipe is not None and not isinstance(self.recipe, Recipe):
            raise InvalidProblem(f"recipe is a metainfl.training.Recipe, got {said(self.recipe)}")
        if self.recipe is not None and not isinstance(self.subject, Problem):
            raise InvalidProblem("a recipe goes with a problem; a run has its own")
        n = self.tasks.n_tasks
        if self.names is not None and len(self.names) != n:
            raise InvalidProblem(f"{len(self.names)} names for {n} training tasks: give one each")
        wrong = [k for k in self.names or () if not isinstance(k, str)]
        if wrong:
            raise InvalidProblem(f"names are words, got {wrong[0]!r} ({type(wrong[0]).__name__})")
        if self.image is not None and not (
            isinstance(self.image, (tuple, list)) and all(type(k) is int for k in self.image)
        ):
            raise InvalidProblem(f"image is a shape as (28, 28) or (3, 84, 84), got {self.image!r}")
        numbers = self.tasks.select([0]).query_x[0, 0].numel()
        shape_of(self.tasks, self.image)  # says whether it can be one
        if self.centre is not None and not isinstance(self.centre, Tensor):
            raise InvalidProblem(f"centre is a tensor, got {said(self.centre)}")
        if self.centre is not None and self.centre.numel() != numbers:
            raise InvalidProblem(
                f"centre has {self.centre.numel()} numbers and an instance {numbers}: give what was "
                "subtracted from every instance"
            )

    @property
    def tasks(self) -> Tasks:
        """The training tasks."""
        own = self.subject
        return own.tasks if isinstance(own, Problem) else own.program.problem.tasks

    def name(self, k: int) -> str:
        """Of training task k."""
        return f"task {k}" if self.names is None else self.names[k]


def question(value: Any, targets: Tasks | None = None) -> Question:
    """The question that a user's object puts: itself, or a tuple as in FORMS."""
    if isinstance(value, Question):
        return value if targets is None else replace(value, targets=targets)
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    if targets is not None:
        parts = [p for p in parts if not isinstance(p, Tasks)] + [targets]
    if not parts or not isinstance(parts[0], (Run, Problem)):
        kind = type(parts[0]).__name__ if parts else "nothing"
        raise InvalidProblem(f"got {kind}, which is neither a run nor a problem: {FORMS}")
    recipes = [p for p in parts[1:] if isinstance(p, Recipe)]
    found = [p for p in parts[1:] if isinstance(p, Tasks)]
    other = [p for p in parts[1:] if not isinstance(p, (Recipe, Tasks))]
    if other:
        raise InvalidProblem(f"a {type(other[0]).__name__} is no metainfl.Tasks: {FORMS}")
    if len(found) != 1 or len(recipes) > 1:
        raise InvalidProblem(
            "whose loss is asked about? Give the targets, tasks that training has not seen (on the command "
            f"line also by --targets file.py:object): {FORMS}"
        )
    return Question(parts[0], found[0], recipes[0] if recipes else None)
