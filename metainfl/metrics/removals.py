"""Losses of targets after groups of training tasks were removed: by the run again, or solved again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.removal import resolved
from metainfl.numbers import said
from metainfl.problem.asked import require_tasks
from metainfl.problem.perturbation import group, task
from metainfl.problem.tasks import Tasks
from metainfl.training import Run


def tasks_of(subject: Any) -> Tasks:
    """Its training tasks; `InvalidOption` for what is neither run nor problem."""
    if isinstance(subject, Run):
        return subject.program.problem.tasks
    if isinstance(subject, Problem):
        return subject.tasks
    raise InvalidOption(f"subject must be a Run or a metainfl.Problem, got {said(subject)}")


def scores_of(scores: Any, n_tasks: int, targets: Tasks) -> Tensor:
    """Scores (T, m) in float64 on the CPU: d L_t/d w_k, a row a training task; refused where they are not."""
    found = scores.value if hasattr(scores, "value") else scores
    if not isinstance(found, Tensor) or found.shape != (n_tasks, targets.n_tasks):
        shape = tuple(found.shape) if isinstance(found, Tensor) else said(found)
        raise InvalidOption(
            f"scores are those of all {n_tasks} training tasks on the {targets.n_tasks} targets, a tensor "
            f"({n_tasks}, {targets.n_tasks}) as run.scores and metainfl.scores return it; got {shape}"
        )
    found = found.detach().double().cpu()
    if not torch.isfinite(found).all():
        k, t = (~torch.isfinite(found)).nonzero()[0].tolist()
        raise InvalidOption(f"the score of task {k} on target {t} is not finite: it has no place")
    return found


def losses_without(
    subject: Run | Problem,
    removed: Sequence[Sequence[int]],
    targets: Tasks,
    *,
    jobs: int,
    store: str | Path | None,
) -> Tensor:
    """L_t without each group of training tasks (groups, m), float64 on the CPU; an empty group: with all.

    A group that is asked for twice is removed once.
    """
    groups = dict.fromkeys(tuple(chosen) for chosen in removed)
    asked = [group([task(k) for k in chosen]) for chosen in groups if chosen]
    if isinstance(subject, Run):
        end, lams = subject.problem(), subject.replay_many(asked, jobs=jobs, store=store)
    elif jobs != 1 or store is not None:
        raise InvalidOption(
            "jobs and store are those of a run's reruns; a problem is solved again here"
        )
    else:
        end, lams = subject, resolved(subject, asked)
    targets = require_tasks(targets, end.lam)
    each = iter(lams)
    found = {
        chosen: end.losses(next(each) if chosen else end.lam, targets).double().cpu()
        for chosen in groups
    }
    return torch.stack([found[tuple(chosen)] for chosen in removed])
