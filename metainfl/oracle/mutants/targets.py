"""Slips in what is done with target tasks: their weights, their number, the sign of a ranking."""

import torch

from metainfl.influence import adapted, removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.values import QUADRATIC, semivalue

DATA = ("task", "query")


def at_weight_one(tasks):
    return tasks.reweighted(
        support=torch.ones_like(tasks.support_weight), query=torch.ones_like(tasks.query_weight)
    )


def scored(problem, pis, targets):
    return truth(problem, pis) @ problem.task_gradients(problem.lam, targets).T


@mutant("the targets' own weights and padding ignored", estimand="score")
def target_weights_ignored(problem, pis, targets):
    return scored(problem, pis, at_weight_one(targets))


@mutant("the targets' support weights ignored", estimand="adapted", kinds=DATA)
def target_support_weights_ignored(problem, pis, targets):
    rows = truth(problem, pis)
    found = adapted.adaptation_influence(problem, rows, at_weight_one(targets))
    return found.permute(1, 0, 2).contiguous()


@mutant("halves the targets' inputs in place when it is done", estimand="score")
def spoils_the_targets(problem, pis, targets):
    found = scored(problem, pis, targets)
    targets.query_x.mul_(0.5)
    return found


@mutant("answers for the first two targets only", estimand="score")
def two_targets_at_most(problem, pis, targets):
    found = scored(problem, pis, targets).clone()
    found[:, 2:] = 0
    return found


@mutant("a single target's column dropped", estimand="score")
def squeezes_one_target(problem, pis, targets):
    return scored(problem, pis, targets).squeeze(1)


@mutant("a ranking the other way round", estimand="score", accuracy="rank", kinds=DATA)
def ranks_backwards(problem, pis, targets):
    return -scored(problem, pis, targets)


@mutant("a ranking of which the supports go the other way", estimand="score", accuracy="rank",
        kinds=("task", "query", "support"))  # fmt: skip
def ranks_supports_backwards(problem, pis, targets):
    turned = torch.tensor([-1.0 if p.kind == "support" else 1.0 for p in pis])
    found = scored(problem, pis, targets)
    return turned.to(found)[:, None] * found


@mutant("a ranking that never looks at the targets", estimand="score", accuracy="rank", kinds=DATA)
def ranks_without_targets(problem, pis, targets):
    return truth(problem, pis).norm(dim=1, keepdim=True).expand(-1, targets.n_tasks).clone()


@mutant(
    "removals ranked the other way round", estimand="removal_score", accuracy="rank", kinds=DATA
)
def ranks_removals_backwards(problem, pis, targets):
    edits = kept.edits(removal.resolved, problem, pis)
    return -removal.target_losses(problem, edits, targets)


@mutant("influence ranked by length, the vectors turned round", accuracy="rank", kinds=DATA)
def ranks_by_what_points_away(problem, pis):
    return -truth(problem, pis)


@mutant("the targets' weights ignored in a game", estimand="shapley", kinds=("task",),
        families=QUADRATIC[:2])  # fmt: skip
def shapley_of_other_targets(problem, pis, targets):
    from math import comb

    other = at_weight_one(targets)
    return semivalue(problem, pis, other, lambda n, s: 1 / (n * comb(n - 1, s)))
