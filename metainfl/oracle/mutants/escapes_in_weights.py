"""Right where all weights are 1: weights ignored, and padding counted.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("query weights ignored")
def query_weights_ignored(problem, pis):
    w = (problem.tasks.query_weight != 0).to(problem.lam)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(query=w)), pis)


@mutant("all weights ignored")
def weights_ignored(problem, pis):
    t = problem.tasks
    one = [(w != 0).to(problem.lam) for w in (t.w, t.support_weight, t.query_weight)]
    tasks = t.reweighted(task=one[0], support=one[1], query=one[2])
    return truth(problem.replaced(tasks=tasks), pis)


@mutant("padding counted in the query set")
def padding_counted(problem, pis):
    w = problem.tasks.query_weight
    w = torch.where(w == 0, torch.ones_like(w), w)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(query=w)), pis)


@mutant("padding counted in the support set")
def support_padding_counted(problem, pis):
    w = problem.tasks.support_weight
    w = torch.where(w == 0, torch.ones_like(w), w)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(support=w)), pis)
