"""Whether a question can be answered at all: looked at before the minutes that training takes."""

from __future__ import annotations

from metainfl.attribution.asked import something
from metainfl.attribution.question import Question
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.training.program import Program


def fits(question: Question) -> None:
    """The training tasks count, and the targets have a loss that the model can be asked for.

    `InvalidTasks` where no training task has weight, and what `preflight` raises of the targets.
    """
    something(question.tasks, "the training tasks")
    preflight(_started(question), question.targets, "target")


def _started(question: Question) -> Problem:
    """The problem at the point that is asked about, or where its training begins."""
    subject = question.subject
    if not isinstance(subject, Problem):
        return subject.problem()
    if question.recipe is None:
        return subject
    program = Program(subject, question.recipe, None)
    return program.problem.replaced(lam=program.start.lam)
