"""Right where groups are small, where targets are plain, and where every rate counts.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.adaptation import Unrolled
from metainfl.influence import removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import columns, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import group, parts


def few(p, most, kinds):
    """The group with its first members alone, of these kinds and of each task and side."""
    seen, kept = dict[tuple[object, ...], int](), []
    for m in parts(p):
        key: tuple[object, ...] = (m.kind,) if m.kind == "task" else (m.task, m.kind)
        seen[key] = seen.get(key, 0) + 1
        if m.kind not in kinds or seen[key] <= most:
            kept.append(m)
    return group(kept) if len(kept) > 1 else kept[0]


@mutant("two instances of a task and side at most", kinds=("group",))
def two_instances_of_a_side(problem, pis):
    return truth(problem, [few(p, 2, ("support", "query")) for p in pis])


@mutant("two whole tasks of a group at most", kinds=("task", "group"))
def two_tasks_of_a_group(problem, pis):
    return truth(problem, [few(p, 2, ("task",)) for p in pis])


@mutant("two instances of a task and side at most", estimand="removal", kinds=("group",),
        families=("proximal_ridge",))  # fmt: skip
def two_instances_removed(problem, pis):
    asked = [few(p, 2, ("support", "query")) for p in pis]
    return kept.edits(removal.resolved, problem, asked) - problem.lam


@mutant("scores times the weight of the target", estimand="score", kinds=("task", "query"))
def scores_times_target_weight(problem, pis, targets):
    slopes = targets.w[:, None] * problem.task_gradients(problem.lam, targets)
    return truth(problem, pis) @ slopes.T


@mutant("scores of a run times the weight of the target", estimand="run_score", kinds=("task",))
def run_scores_times_target_weight(run, pis, targets):
    return run.scores(targets, pis).value * targets.w


@mutant(
    "half where targets have one shot",
    estimand="score",
    kinds=("task",),
    families=("proximal_ridge",),
)
def half_at_one_shot(problem, pis, targets):
    factor = 0.5 if targets.support_x.shape[1] == 1 else 1.0
    return factor * truth(problem, pis) @ problem.task_gradients(problem.lam, targets).T


@mutant(
    "an inner rate of 0 read as unset", kinds=("task",), families=("maml_linear", "maml_softmax")
)
def rate_of_zero_is_unset(problem, pis):
    a = problem.adaptation
    rate = a.rate
    if isinstance(rate, torch.Tensor):
        rate = torch.where(rate == 0, rate.mean(), rate)
    other = problem.replaced(adaptation=Unrolled(a.steps, rate, inner_reg=a.inner_reg))
    return solved(other, other.hessian(other.lam), columns(other, pis))
