"""Values of the tasks of a problem for target tasks, as methods that carry a claim.

    v(S) = -L_t(lam*(S)),       one row a task, one column a target, positive = the data helped
By the closed form where F is quadratic and a sum over the tasks, by solving every subset again elsewhere.
Cost: that of the estimator of the same name, all subsets enumerated; up to 20 tasks for all but
leave-one-out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, InvalidProblem
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.games.players import Players
from metainfl.games.quadratic import quadratic
from metainfl.games.solved import solved
from metainfl.methods.claim import claims
from metainfl.methods.game import banzhaf, downsampling, feldman_zhang, leave_one_out, shapley
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.weights import check

TASKS = ("task",)
#: families of a closed form; elsewhere solving again may leave the branch that removal follows
CLOSED = ("single_ridge", "proximal_ridge", "maml_linear")


def _values(
    estimator: Callable[[Game], Estimate],
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
) -> Tensor:
    """The rows of the estimate that are asked for (n, targets)."""
    check(problem.tasks, perturbations)
    players = Players(problem.tasks).players
    for p in perturbations:
        if p not in players:
            raise InvalidOption(
                f"{p} is no player: values are of tasks whose weight is not 0; for instances and groups "
                "make a game of your own with metainfl.games.solved(problem, targets, players)"
            )
    try:
        game = quadratic(problem, targets)
    except InvalidProblem:  # no closed form
        game = solved(problem, targets)
    found = estimator(game).values[[players.index(p) for p in perturbations]]
    return torch.as_tensor(found, device="cpu").to(problem.tasks.like)


@claims(estimand="shapley", kinds=TASKS)
def shapley_of_tasks(problem: Problem, pis: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Shapley values (n, targets)."""
    return _values(shapley, problem, pis, targets)


@claims(estimand="banzhaf", kinds=TASKS)
def banzhaf_of_tasks(problem: Problem, pis: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Banzhaf values (n, targets)."""
    return _values(banzhaf, problem, pis, targets)


@claims(estimand="downsampling", kinds=TASKS)
def downsampling_of_tasks(problem: Problem, pis: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Downsampling scores over all subsets of ceil(0.7 n) tasks (n, targets)."""
    return _values(downsampling, problem, pis, targets)


@claims(estimand="expected_removal", kinds=TASKS)
def feldman_zhang_of_tasks(problem: Problem, pis: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Expected removals over all subsets of ceil(0.7 n) - 1 other tasks (n, targets)."""
    return _values(feldman_zhang, problem, pis, targets)


@claims(estimand="removal_score", kinds=TASKS, families=CLOSED)
def leave_one_out_of_tasks(problem: Problem, pis: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """Loss after removal minus before (n, targets)."""
    return _values(leave_one_out, problem, pis, targets)
