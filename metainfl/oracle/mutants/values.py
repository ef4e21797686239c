"""Slips in scores and values of tasks, and the solve over subsets that they share."""

import itertools
from math import comb

import torch
from torch.func import vmap

from metainfl.influence import scores
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant, right

QUADRATIC = ("proximal_ridge", "single_ridge", "maml_linear")


def games(problem, targets):
    """v(S) = -target losses for every subset of tasks, (2^T, m); F quadratic, so one solve each."""
    n, zero = problem.tasks.n_tasks, torch.zeros_like(problem.lam)
    slopes = problem.tasks.w[:, None] * problem.task_gradients(zero)
    each = [problem.replaced(tasks=problem.tasks.select([k]), outer_reg=0.0) for k in range(n)]
    curves = torch.stack([p.hessian(zero) for p in each])
    own, out = problem.outer_reg * torch.eye(len(zero)).to(zero), []
    for s in range(2**n):
        member = torch.tensor([float((s >> i) & 1) for i in range(n)]).to(zero)
        h = own + torch.einsum("t,tpq->pq", member, curves)
        out.append(-problem.losses(-torch.linalg.solve(h, member @ slopes), targets))
    return torch.stack(out)


def kept_games(problem, targets):
    """The same, solved once for the same problem and targets: for wrong ones alone."""
    return kept.games(problem, targets, games)


def semivalue(problem, pis, targets, weight, of=kept_games):
    v, n = of(problem, targets), problem.tasks.n_tasks
    rows = []
    for p in pis:
        bit = 1 << p.task
        without = [s for s in range(2**n) if not s & bit]
        rows.append(sum(weight(n, s.bit_count()) * (v[s | bit] - v[s]) for s in without))
    return torch.stack(rows)


@right(estimand="shapley", kinds=("task",), families=QUADRATIC[:2])
def shapley_by_permutations(problem, pis, targets):
    v, n = games(problem, targets), problem.tasks.n_tasks
    phi = torch.zeros(n, v.shape[1]).to(v)
    orders = list(itertools.permutations(range(n))) if n <= 5 else None
    if orders is None:
        return semivalue(problem, pis, targets, lambda n, s: 1 / (n * comb(n - 1, s)), games)
    for order in orders:
        s = 0
        for i in order:
            phi[i] += v[s | (1 << i)] - v[s]
            s |= 1 << i
    return phi[[p.task for p in pis]] / len(orders)


@right(estimand="banzhaf", kinds=("task",), families=QUADRATIC[:2])
def banzhaf_by_enumeration(problem, pis, targets):
    return semivalue(problem, pis, targets, lambda n, s: 0.5 ** (n - 1), games)


@right(estimand="score")
def adjoint_scores(problem, pis, targets):
    return scores(problem, pis, targets, allow_nonstationary=True).value


@mutant(
    "Banzhaf weights sold as Shapley", estimand="shapley", kinds=("task",), families=QUADRATIC[:1]
)
def banzhaf_as_shapley(problem, pis, targets):
    return semivalue(problem, pis, targets, lambda n, s: 0.5 ** (n - 1))


@mutant("weights the first task's subsets twice", estimand="banzhaf", kinds=("task",),
        families=QUADRATIC[:1])  # fmt: skip
def biased_banzhaf(problem, pis, targets):
    out = semivalue(problem, pis, targets, lambda n, s: 0.5 ** (n - 1))
    factor = torch.tensor([2.0 if p.task == 0 else 1.0 for p in pis]).to(out)
    return factor[:, None] * out + 1e-3


@mutant("influence score without the target's own adaptation (001, Def. 5.2)", estimand="score",
        kinds=("task", "query"), families=("proximal_ridge", "maml_softmax"))  # fmt: skip
def score_without_target_adaptation(problem, pis, targets):
    lam, s, view = problem.lam, problem.setting, targets.view()
    state = problem.adaptation.prepare(s, lam, view)
    theta = vmap(lambda t, st: problem.adaptation.adapt(s, lam, t, st))(view, state)

    def outer(th, t):
        return (t.query_weight * problem.outer_loss(s.model(th, t.query_x), t.query_y)).sum()

    slopes = vmap(torch.func.grad(outer))(theta, view)
    return truth(problem, pis) @ slopes.T


@mutant("removal scores to first order, sold as removal", estimand="removal_score", kinds=("task",),
        families=("proximal_ridge",))  # fmt: skip
def linear_removal_score(problem, pis, targets):
    return -scores(problem, pis, targets, allow_nonstationary=True).value
