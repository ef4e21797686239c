"""From a trained network to the tasks that hurt it: looks, chooses, computes, and confirms."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from metainfl.attribution.asked import of_instances
from metainfl.attribution.confirm import confirmed, to_confirm
from metainfl.attribution.fits import fits
from metainfl.attribution.kept import Scores
from metainfl.attribution.of_problem import OfProblem
from metainfl.attribution.of_run import OfRun
from metainfl.attribution.question import Question
from metainfl.attribution.result import Attribution
from metainfl.derive.loop import agreed
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.numbers import POSITIVE, STAGES, function, real, said, whole
from metainfl.numbers import seed as checked_seed
from metainfl.pools.alone import alone
from metainfl.pools.pool import at_once
from metainfl.problem.every import all_instances, all_tasks
from metainfl.problem.files import new_folder
from metainfl.training import Run
from metainfl.training.kept import trained
from metainfl.training.seeds import must_draw

#: told (stages done, stages, what is next)
Tell = Callable[[int, int, str], None]
Say = Callable[[str], None]


def attribute(
    question: Question,
    *,
    reruns: int = 8,
    minutes: float | None = None,
    seeds: int = 0,
    seed: int = 0,
    jobs: int = 1,
    store: str | Path | None = None,
    progress: bool = False,
    tell: Tell = lambda done, total, what: None,
    say: Say = lambda text: None,
    keep: Callable[[Attribution], None] = lambda found: None,
) -> Attribution:
    """Scores of every task and instance on every target, and a few removals done for real beside them.

    A run is asked for its own derivative; a problem at a minimiser for its implicit one; a problem
    elsewhere gives a damped ranking and says so. `reruns` removals: the most harmful, the most helpful,
    some drawn by `seed`, and the most harmful ones together; fewer where they would take more than
    `minutes`. `seeds` more training runs give intervals. `store` is a folder in which the trained run,
    scores and finished reruns are kept, so that the same call goes on; `keep` is handed the scores before
    the reruns begin; `say` is told what was found and what it will cost. Raises `InvalidOption`, also for a
    store in which another process is at work, and what the run or the problem raises.
    """
    if not isinstance(question, Question):
        raise InvalidOption(
            f"question must be a metainfl.attribution.Question, got {said(question)}"
        )
    reruns, seeds = (
        whole(v, n, 0, error=InvalidOption) for n, v in (("reruns", reruns), ("seeds", seeds))
    )
    seed, jobs = checked_seed(seed, InvalidOption), at_once(jobs)
    function(tell, "tell", STAGES, InvalidOption)
    function(say, "say", "what was found and what it costs, as text", InvalidOption)
    function(keep, "keep", "the Attribution before the reruns begin", InvalidOption)
    if minutes is not None:
        minutes = real(minutes, "minutes", POSITIVE, InvalidOption)
    if isinstance(question.subject, Problem) and question.recipe is None and seeds:
        raise InvalidOption("intervals over seeds need a training run: give a recipe, or a run")
    if seeds:
        recipe = question.recipe or cast(Run, question.subject).recipe
        must_draw(recipe, question.tasks.n_tasks)
    if store is not None:
        store = new_folder(store, InvalidOption, "store")
    fits(question)
    with alone(store, "store"):
        return _attributed(
            question, reruns, minutes, seeds, seed, jobs, store, progress, tell, say, keep
        )


def _attributed(
    question: Question,
    reruns: int,
    minutes: float | None,
    seeds: int,
    seed: int,
    jobs: int,
    store: Path | None,
    progress: bool,
    tell: Tell,
    say: Say,
    keep: Callable[[Attribution], None],
) -> Attribution:
    """`attribute`, of arguments that were looked at, alone in its store."""
    stages = 4
    tell(0, stages, "training" if question.recipe else "looking at what was given")
    subject = question.subject
    if question.recipe is not None:
        assert isinstance(subject, Problem)
        subject = trained(
            subject, question.recipe, None if store is None else store / "run", progress
        )
    tell(1, stages, "looking at what was given")
    by = OfProblem(subject) if isinstance(subject, Problem) else OfRun(subject, seeds, store)
    facts, targets = by.facts(), question.targets
    tasks, instances = all_tasks(question.tasks), all_instances(question.tasks)
    asked = [*tasks, *instances]
    cost = agreed(by.predicted(targets, asked))
    say(f"{by.estimator}: {by.why()}")
    say(
        f"predicted cost: scores of {len(tasks)} tasks and {len(instances)} instances on "
        f"{targets.n_tasks} targets {words(cost.scores)}, one removal done for real {words(cost.rerun)}"
    )
    end = subject if isinstance(subject, Problem) else subject.problem()
    if of_instances(end):
        say(of_instances(end))
    tell(2, stages, "scores")
    started = time.perf_counter()
    file = Scores(store, subject, targets, (seeds, by.estimator))
    answer = file.read()
    if answer is None:
        answer = by.scores(targets, asked, progress)
        file.write(answer)
    else:
        say("scores are those of the last call, unchanged")
    seconds = {"predicted": cost.scores, "scores": time.perf_counter() - started}
    n = question.tasks.n_tasks
    places = torch.tensor([p.task for p in tasks], device="cpu")

    def placed(rows: Tensor) -> Tensor:
        """Rows of all tasks, 0 for those of weight 0, from rows of what was asked."""
        out = answer.value.new_zeros(n, *rows.shape[1:])
        out[places] = rows[: len(tasks)].to(out)
        return out

    found = Attribution(
        estimator=by.estimator,
        why=by.why(),
        exact=by.exact,
        facts=facts,
        names=tuple(question.name(k) for k in range(n)),
        tasks=placed(answer.value),
        instances=tuple(instances),
        instance_scores=answer.value[len(tasks) :],
        losses=end.losses(end.lam, targets),
        half_width=None if answer.half_width is None else placed(answer.half_width),
        interval=answer.interval,
        of_instances=of_instances(end),
        seconds=seconds,
    )
    keep(found)
    tell(3, stages, "removing a few tasks for real")
    most = reruns if minutes is None else min(reruns, int(60 * minutes / max(cost.rerun, 1e-9)))
    if not by.exact or most == 0:
        if by.exact and reruns:
            say(f"no rerun fits into {minutes:g} minutes: each takes {words(cost.rerun)}")
        return found
    if most < reruns:
        say(f"{most} of {reruns} reruns fit into {minutes:g} minutes")
    chosen, together = to_confirm(found, most, seed)
    if not chosen:
        say("no task has any effect on these targets: there is nothing to confirm")
        return found
    started = time.perf_counter()
    own = None if answer.own is None else placed(answer.own)
    kept = None if store is None else store / "reruns"
    done, undone = confirmed(
        by, found, targets, chosen, together, own=own, jobs=jobs, store=kept, progress=progress
    )
    facts = dict(facts)
    for what, words_of_it in undone.items():
        facts[f"{what} was not removed for real"] = words_of_it
        say(f"{what} was not removed for real: {words_of_it}")
    tell(stages, stages, "done")
    seconds = seconds | {"reruns": time.perf_counter() - started}
    return replace(found, facts=facts, seconds=seconds, confirmation=done)


def words(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5 h`: as roughly as it is known."""
    if seconds < 90:
        return f"about {seconds:.1g} s" if seconds < 1 else f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
