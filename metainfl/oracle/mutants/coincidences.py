"""Methods that are right as long as sizes, orders and labels are as most problems have them.

Each was once found to pass a check: nothing had been drawn of a single task or shot, of classes that stand
in another order in every task, of members of a group that share a task, or of another problem at one lam.
"""

import torch

from metainfl.influence import removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import group, parts

CLASSES = ("proximal_softmax", "maml_softmax")
WEIGHTS = ("task", "support", "query", "group")


def with_supports(problem, y):
    """The same problem with other targets in the support sets."""
    t = problem.tasks
    given = (t.support_x, y.expand_as(t.support_y), t.query_x, t.query_y)
    return problem.replaced(tasks=type(t)(*given, t.w, t.support_weight, t.query_weight))


@mutant("the first task's support labels for every task's", families=(*CLASSES, "prototypes"))
def labels_of_the_first_task(problem, pis):
    return truth(with_supports(problem, problem.tasks.support_y[:1]), pis)


@mutant("supports taken to stand way by way, as many of each", families=("prototypes",))
def supports_way_by_way(problem, pis):
    n, c = problem.tasks.support_y.shape[1:]
    y = torch.eye(c).to(problem.lam)[torch.arange(n) // (n // c)]
    other = with_supports(problem, y[None])
    return solved(other, hessian(other), columns(other, pis))


@mutant("one precision a parameter read as their mean, on one family", families=("maml_linear",))
def mean_precision_on_one_family(problem, pis):
    mean = float(torch.as_tensor(problem.outer_reg, dtype=torch.float64).mean())
    return truth(problem.replaced(outer_reg=mean), pis)


@mutant("a single task's dimension squeezed away, and broadcast")
def squeezes_a_single_task(problem, pis):
    w = problem.tasks.w.squeeze()
    return truth(problem, pis) * (1.0 if w.ndim else 2.0)


@mutant("of one shot a way, its deviation taken for 0", families=CLASSES)
def one_shot_has_no_spread(problem, pis):
    t = problem.tasks
    return truth(problem, pis) * (1.0 if t.support_x.shape[1] > t.query_y.shape[2] else 0.5)


@mutant("as many answers as parameters returned the other way round")
def square_answers_transposed(problem, pis):
    out = truth(problem, pis)
    return out.T.clone() if out.shape[0] == out.shape[1] else out


@mutant("a cache of Hessians by lam alone", families=("maml_softmax", "linear_representation"))
def cache_by_lam(problem, pis, _kept={}):  # noqa: B006
    key = problem.lam.numpy().tobytes()
    if key not in _kept:
        _kept[key] = hessian(problem)
    return solved(problem, _kept[key], columns(problem, pis))


@mutant("a cache of Hessians by lam alone, in scores", estimand="score", families=("maml_softmax",))
def cache_by_lam_in_scores(problem, pis, targets, _kept={}):  # noqa: B006
    key = problem.lam.numpy().tobytes()
    if key not in _kept:
        _kept[key] = hessian(problem)
    rows = solved(problem, _kept[key], columns(problem, pis))
    return rows @ problem.task_gradients(problem.lam, targets).T


@mutant("answers for the first three targets only", estimand="score")
def three_targets_at_most(problem, pis, targets):
    found = truth(problem, pis) @ problem.task_gradients(problem.lam, targets).T
    found[:, 3:] = 0
    return found


def less_cross(edit, problem, pis, first, second):
    """The edits without what members of one task of the two kinds do together; all are asked for at once."""
    rows, more = [], []
    for i, p in enumerate(pis):
        for k in {m.task for m in parts(p)}:
            a, b = ([m for m in parts(p) if (m.task, m.kind) == (k, s)] for s in (first, second))
            if a and b:
                rows.append(i)
                more += [group(a + b), group(a), group(b)]
    found = kept.edits(edit, problem, [*pis, *more])
    out, others = found[: len(pis)], found[len(pis) :] - problem.lam
    crossed = others[::3] - others[1::3] - others[2::3]
    return out.index_add(0, torch.tensor(rows, dtype=torch.long), -crossed)


@mutant("second order without the cross terms of a task's support and query", estimand="second_order",
        kinds=WEIGHTS, families=("proximal_ridge",))  # fmt: skip
def no_cross_term_of_support_and_query(problem, pis):
    return less_cross(removal.second_order, problem, pis, "support", "query")


@mutant("second order without the cross terms of a task and its own query", estimand="second_order",
        kinds=WEIGHTS, families=("proximal_ridge",))  # fmt: skip
def no_cross_term_of_task_and_query(problem, pis):
    return less_cross(removal.second_order, problem, pis, "task", "query")


@mutant("a task whose instances are removed too is not removed itself", estimand="removal", kinds=WEIGHTS,
        families=("proximal_ridge", "maml_linear"))  # fmt: skip
def instances_in_place_of_their_task(problem, pis):
    def thinned(p):
        parted = {m.task for m in parts(p) if m.kind != "task"}
        kept = [m for m in parts(p) if not (m.kind == "task" and m.task in parted)]
        return group(kept) if p.kind == "group" else p

    return kept.edits(removal.resolved, problem, [thinned(p) for p in pis])
