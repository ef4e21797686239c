"""Right methods that claim less than exact values, and use what they claim: none of them may be failed."""

from math import comb

import torch
from scipy.stats import rankdata

from metainfl.influence import scores
from metainfl.oracle.mutants.parts import columns, truth
from metainfl.oracle.mutants.registry import right
from metainfl.oracle.mutants.right_ones import CONVEX
from metainfl.oracle.mutants.values import QUADRATIC, games, semivalue

DATA = ("task", "query")


def numbered(rows):
    """Ranks from 1 to n, a column a target: they count what else is asked."""
    return torch.tensor(rankdata(rows.numpy(), axis=0)).to(rows)


@right(accuracy="rank", estimand="score", kinds=DATA)
def rank_numbers(problem, pis, targets):
    return numbered(scores(problem, pis, targets, allow_nonstationary=True).value)


@right(accuracy="rank", estimand="run_score", kinds=DATA)
def rank_numbers_of_a_run(run, pis, targets):
    return numbered(run.scores(targets, pis).value)


@right(accuracy="rank", estimand="shapley", kinds=("task",), families=QUADRATIC[:2])
def shapley_ranked_on_another_scale(problem, pis, targets):
    value = semivalue(problem, pis, targets, lambda n, s: 1 / (n * comb(n - 1, s)), games)
    return 1 + torch.atan(value)


@right(accuracy=1e-3)
def within_a_thousandth(problem, pis):
    return 1.0005 * truth(problem, pis)


@right(accuracy=0.02, families=CONVEX)
def damped_a_little(problem, pis):
    """A damping that is a number: little where H is of usual size, and all there is of a tiny one."""
    h = problem.hessian(problem.lam)
    h = h + 1e-4 * torch.eye(len(h)).to(h)
    return -torch.linalg.solve(h, columns(problem, pis).T).T


@right(accuracy=0.05, families=CONVEX)
def four_thousand_terms(problem, pis):
    """A scaled series, cut: what it lacks grows with the condition number, as a claimed tolerance may."""
    h, b = problem.hessian(problem.lam), columns(problem, pis).T
    eye, c = torch.eye(len(h)).to(h), 1 / float(torch.linalg.matrix_norm(h, 2))
    power, total = eye - c * h, eye
    for _ in range(12):
        total, power = total + power @ total, power @ power
    return -c * (total @ b).T


@right(accuracy=1e-3, estimand="run_derivative")
def run_within_a_thousandth(run, pis):
    return 1.0005 * run.influence(pis).value


@right(accuracy=1e-4, estimand="run_derivative", kinds=("task",))
def run_by_five_points(run, pis):
    """Differences of fourth order of replays, whose steps go with the weights; where nothing moves, rounding
    over the step is left.
    """
    tasks = run.program.problem.tasks
    if run.lam.dtype == torch.float32:
        return run.influence(pis).value
    rows = []
    for p in pis:
        row, h = torch.zeros_like(run.lam), 1e-4 * min(1.0, float(tasks.w[p.task]) or 1.0)
        for places, c in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            w = tasks.w.clone()
            w[p.task] += places * h
            row = row + c * run.replay(tasks.reweighted(task=w)).lam
        rows.append(row / (12 * h))
    return torch.stack(rows)
