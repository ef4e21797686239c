"""All ways to rank training tasks that the experiments compare: positive = removal hurts the targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from metainfl.experiments.kept import reruns
from metainfl.experiments.networks import damping, loss
from metainfl.influence.scores import scores
from metainfl.methods import run as methods
from metainfl.problem.perturbation import Perturbation, task
from metainfl.problem.tasks import Tasks
from metainfl.solve import CG
from metainfl.training import Run, objective


def implicit(
    run: Run, targets: Tasks, asked: Sequence[Perturbation], *, total: bool = True
) -> Tensor:
    """Scores of removals (n, m) by the Hessian at the run's end, damped; through adaptation or not."""
    found = scores(
        objective(run),
        asked,
        targets,
        solver=CG(rtol=1e-4),
        damping=damping(run),
        allow_nonstationary=True,
        through_adaptation=total,
    )
    return -found.value


def _if(run: Run, targets: Tasks, *, total: bool = True) -> Tensor:
    asked = [task(k) for k in range(run.program.problem.tasks.n_tasks)]
    return implicit(run, targets, asked, total=total)


def _of(method: Callable[..., Tensor]) -> Callable[[Run, Tasks], Tensor]:
    def ranked(run: Run, targets: Tasks) -> Tensor:
        asked = [task(k) for k in range(run.program.problem.tasks.n_tasks)]
        return -method(run, asked, targets)

    return ranked


def _random(run: Run, targets: Tasks) -> Tensor:
    draw = torch.Generator().manual_seed(run.recipe.seed + 77)
    return torch.randn(run.program.problem.tasks.n_tasks, 1, generator=draw)


EXACT = "exact removal, one by one"
PRINTED = "task-IF, IS as printed"
#: name -> (T, m); IS as 001 prints it (Def. 5.2) is positive for harm (A.9): its removal score is minus that
RANKINGS: dict[str, Callable[[Run, Tasks], Tensor]] = {
    "random": _random,
    "training loss": _of(methods.training_loss),
    "gradient norm": _of(methods.gradient_norm),
    "gradient dot product": _of(methods.gradient_dot),
    "TracIn": _of(methods.tracin),
    "task-IF": _if,
    PRINTED: lambda run, targets: _if(run, targets, total=False),
    "derivative of the run": lambda run, targets: (
        -run.scores(targets, [task(k) for k in range(run.program.problem.tasks.n_tasks)]).value
    ),
}


def ranked(run: Run, targets: Tasks) -> dict[str, Callable[[], list[float]]]:
    """What gives mean scores over targets, one a training task, by ranking."""
    return {n: partial(means, partial(rank, run, targets)) for n, rank in RANKINGS.items()}


def exact(run: Run, targets: Tasks) -> list[float]:
    """Mean loss of the targets without each task, the network trained again, minus that with it."""
    end, asked = run.problem(), [task(k) for k in range(run.program.problem.tasks.n_tasks)]
    base = loss(end, run.lam, targets)
    return [loss(end, lam, targets) - base for lam in reruns(run, asked)]


def means(scores: Callable[[], Tensor]) -> list[float]:
    """Of scores (n, m) over targets, one a datum."""
    found: list[float] = scores().double().mean(1).tolist()
    return found
