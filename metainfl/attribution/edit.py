"""The same training without some of its data, and what becomes of the targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from metainfl.attribution.asked import something
from metainfl.attribution.fits import fits
from metainfl.attribution.question import Question
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.removal import resolved
from metainfl.numbers import STAGES, function, said
from metainfl.pools.alone import alone
from metainfl.problem.files import new_folder
from metainfl.problem.perturbation import Perturbation, group, parts
from metainfl.problem.weights import check, weight
from metainfl.problem.weights import without as remaining
from metainfl.training.kept import trained


@dataclass(frozen=True, eq=False)
class Edited:
    """New and old meta-parameters (p,), target losses before and after (m,), and how it was done."""

    lam: Tensor
    before: Tensor
    losses_before: Tensor
    losses: Tensor
    how: str


def something_left(question: Question, what: Sequence[Perturbation]) -> Perturbation:
    """All of `what` as one.

    `InvalidTasks` where nothing would be left, `InvalidOption` where what goes had no weight anyway.
    """
    removed, tasks = group(what), question.tasks
    named = ", ".join(map(str, what[:8])) + (" and others" if len(what) > 8 else "")
    check(tasks, [removed])
    something(tasks, "the training tasks")
    if not any(weight(tasks, p) for p in parts(removed)):
        raise InvalidOption(f"{named}: weight 0 already, nothing would be removed; name others")
    something(remaining(tasks, removed), f"without {named}")
    return removed


def without(
    question: Question,
    what: Sequence[Perturbation],
    *,
    store: str | Path | None = None,
    progress: bool = False,
    tell: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Edited:
    """All of `what` removed at once: the run again, or the problem solved again from lam.

    Raises `NotStationary` for a problem that is at no minimiser and comes without a recipe.
    """
    if not isinstance(question, Question):
        raise InvalidOption(
            f"question must be a metainfl.attribution.Question, got {said(question)}"
        )
    function(tell, "tell", STAGES, InvalidOption)
    store = None if store is None else new_folder(store, InvalidOption, "store")
    removed = something_left(question, what)
    fits(question)
    with alone(store, "store"):
        return _without(question, removed, store, progress, tell)


def _without(
    question: Question,
    removed: Perturbation,
    store: Path | None,
    progress: bool,
    tell: Callable[[int, int, str], None],
) -> Edited:
    subject = question.subject
    tell(0, 2, "training" if question.recipe else "looking at what was given")
    if question.recipe is not None:
        assert isinstance(subject, Problem)
        subject = trained(
            subject, question.recipe, None if store is None else store / "run", progress
        )
    tell(1, 2, "without what is removed")
    if isinstance(subject, Problem):
        before, end = subject.lam, subject
        lam = resolved(subject, [removed])[0]
        how = "solved again from lam"
    else:
        before, end = subject.lam, subject.problem()
        lam = subject.replay({removed: 0.0}, progress=progress).lam
        how = "the training run again, same start, batches and seed"
    targets = question.targets
    tell(2, 2, "done")
    return Edited(lam, before, end.losses(before, targets), end.losses(lam, targets), how)
