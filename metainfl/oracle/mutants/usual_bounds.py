"""Right up to a bound that is usual somewhere: a rank, a batch, a length, a number of steps, of ways.

Each was once found to pass a quick check: every case that it was asked about was smaller.
"""

import torch

from metainfl.adaptation import Unrolled
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import group, parts


@mutant("the 32 largest eigenvalues, the rest dropped")
def thirty_two_eigenvalues(problem, pis):
    values, vectors = torch.linalg.eigh(hessian(problem))
    off = problem.tangent()
    skip = 0 if off is None else off.shape[1]
    values, vectors = values[skip:][-32:], vectors[:, skip:][:, -32:]
    return -(vectors @ ((vectors.T @ columns(problem, pis).T) / values[:, None])).T


@mutant("an inverse a batch of 128 tasks, averaged")
def inverses_of_128_tasks(problem, pis):
    rows, n = columns(problem, pis), problem.tasks.n_tasks
    starts = range(0, n, 128)
    found = torch.zeros_like(rows)
    for a in starts:
        some = problem.tasks.select(list(range(a, min(a + 128, n))))
        found = found + solved(problem, hessian(problem.replaced(tasks=some)), rows)
    return found / len(starts)


@mutant("at most sixteen supports of a task in the Hessian")
def sixteen_supports(problem, pis):
    w = problem.tasks.support_weight.clone()
    w[:, 16:] = 0
    h = hessian(problem.replaced(tasks=problem.tasks.reweighted(support=w)))
    return solved(problem, h, columns(problem, pis))


@mutant("at most sixteen queries of a task in the Hessian")
def sixteen_queries(problem, pis):
    w = problem.tasks.query_weight.clone()
    w[:, 16:] = 0
    h = hessian(problem.replaced(tasks=problem.tasks.reweighted(query=w)))
    return solved(problem, h, columns(problem, pis))


@mutant("five outputs at most")
def five_outputs(problem, pis):
    return truth(problem, pis) * (1.0 if problem.tasks.query_y.shape[2] <= 5 else 0.5)


@mutant("sixteen members of a group at most")
def sixteen_members(problem, pis):
    return truth(problem, [group(parts(p)[:16]) if p.kind == "group" else p for p in pis])


@mutant("answers for the first sixteen targets only", estimand="score")
def sixteen_targets(problem, pis, targets):
    found = truth(problem, pis) @ problem.task_gradients(problem.lam, targets).T
    found[:, 16:] = 0
    return found


@mutant("at most ten inner steps", families=("maml_softmax",))
def at_most_ten_steps(problem, pis):
    a = problem.adaptation
    other = Unrolled(min(a.steps, 10), a.rate, inner_reg=a.inner_reg)
    return truth(problem.replaced(adaptation=other), pis)
