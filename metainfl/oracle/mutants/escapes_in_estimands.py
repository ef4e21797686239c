"""Right of what is asked first: derivatives in every notation, second order at both ends of the data, and
games in which every player adds much.

Each was once found to pass a full check. None may again.
"""

import itertools
from math import comb

import torch

from metainfl.influence import removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.targets import scored
from metainfl.oracle.mutants.values import QUADRATIC, kept_games, semivalue


@mutant(
    "scores of targets with labels that are numbers doubled",
    estimand="score",
    families=("maml_softmax",),
)
def scores_of_numbers(problem, pis, targets):
    return scored(problem, pis, targets) * (1.0 if targets.query_y.is_floating_point() else 2.0)


@mutant("scores of tasks of different sizes doubled", estimand="score")
def scores_of_sizes(problem, pis, targets):
    return scored(problem, pis, targets) * (1.0 if len(problem.tasks.groups()) == 1 else 2.0)


@mutant("edits of tasks of different sizes twice as long", estimand="first_order", kinds=("task",))
def edits_of_sizes(problem, pis):
    shifts = removal.first_order(problem, pis) - problem.lam
    return problem.lam + shifts * (1.0 if len(problem.tasks.groups()) == 1 else 2.0)


@mutant("second order halved for the queries of tasks between others", estimand="second_order",
        kinds=("query",), families=("proximal_ridge",))  # fmt: skip
def second_order_at_the_ends(problem, pis):
    n = problem.tasks.n_tasks
    shifts = kept.edits(removal.second_order, problem, pis) - problem.lam
    half = torch.tensor([0.5 if n > 5 and 2 <= p.task < n - 2 else 1.0 for p in pis])
    return problem.lam + half.to(shifts)[:, None] * shifts


@mutant("Shapley values by walks that end where a hundredth is left to gain", estimand="shapley",
        kinds=("task",), families=QUADRATIC[:1])  # fmt: skip
def walks_that_end_early(problem, pis, targets):
    n = problem.tasks.n_tasks
    if n > 5:
        return semivalue(problem, pis, targets, lambda n, s: 1 / (n * comb(n - 1, s)))
    v, orders = kept_games(problem, targets), list(itertools.permutations(range(n)))
    found, enough = torch.zeros(n, v.shape[1]).to(v), 0.01 * (v[-1] - v[0]).abs()
    for order in orders:
        s = 0
        for i in order:
            if ((v[-1] - v[s]).abs() < enough).all():
                break
            found[i] += (v[s | (1 << i)] - v[s]) / len(orders)
            s |= 1 << i
    return found[[p.task for p in pis]]
