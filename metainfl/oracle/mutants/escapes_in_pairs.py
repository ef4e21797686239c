"""Right of each notation, kind and size by itself: wrong where two of them come together.

Each was once found to pass a quick check: tasks of different sizes were of two sizes, both sides apart, and
in float64; labels that are numbers had no weights and one size; targets had three queries and never the
tasks' shape; every list was of several kinds; tensors stood in memory as they are read.
"""

import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.targets import scored
from metainfl.problem.perturbation import parts
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks

SOFTMAX = ("single_softmax", "proximal_softmax", "maml_softmax")


@mutant("one per cent off of tasks of different sizes in float32")
def sizes_in_float32(problem, pis):
    rows = truth(problem, pis)
    both = isinstance(problem.tasks, Ragged) and rows.dtype == torch.float32
    return rows * (1.01 if both else 1.0)


def _of_one(tasks, side, other):
    """Whether two sizes have as many of the one side and not of the other."""
    sizes = {tuple(getattr(t, f"{s}_x").shape[1] for s in (side, other)) for _, t in tasks.groups()}
    return len({own for own, _ in sizes}) < len(sizes)


@mutant("tasks of different sizes told apart by their supports alone")
def sizes_by_supports_alone(problem, pis):
    return truth(problem, pis) * (0.5 if _of_one(problem.tasks, "support", "query") else 1.0)


@mutant(
    "labels that are numbers without their weights, of tasks of different sizes", families=SOFTMAX
)
def numbers_of_sizes(problem, pis):
    t = problem.tasks
    if not isinstance(t, Ragged) or t.groups()[0][1].query_y.is_floating_point():
        return truth(problem, pis)
    return truth(problem.replaced(tasks=t.reweighted(task=torch.ones_like(t.w))), pis)


@mutant("numbers read from memory in the order in which they stand there")
def reads_memory_in_order(problem, pis):
    t = problem.tasks
    if isinstance(t, Ragged):
        return truth(problem, pis)
    arrays = (t.support_x, t.support_y, t.query_x, t.query_y, t.w, t.support_weight, t.query_weight)
    as_it_stands = (torch.as_strided(a, a.shape, torch.empty(a.shape).stride()) for a in arrays)
    return truth(problem.replaced(tasks=Tasks(*as_it_stands)), pis)


@mutant("queries asked about by themselves answered twice as large")
def queries_by_themselves(problem, pis):
    alone = len(pis) > 1 and {p.kind for p in pis} == {"query"}
    return truth(problem, pis) * (2.0 if alone else 1.0)


@mutant("a group of one task's instances of a side answered by their mean")
def mean_of_one_tasks_instances(problem, pis):
    def factor(p):
        sides = {(m.kind, m.task) for m in p.members}
        return 1 / len(p.members) if len(sides) == 1 and parts(p)[0].kind != "task" else 1.0

    own = [factor(p) if p.kind == "group" else 1.0 for p in pis]
    rows = truth(problem, pis)
    return rows * torch.tensor(own).to(rows)[:, None]


@mutant("ten queries of a target at most", estimand="score")
def ten_queries_of_a_target(problem, pis, targets):
    if isinstance(targets, Ragged):
        return scored(problem, pis, targets)
    w = targets.query_weight.clone()
    w[:, 10:] = 0
    return scored(problem, pis, targets.reweighted(query=w))


@mutant("the tasks themselves taken for targets of the same shape", estimand="score")
def tasks_for_targets_of_their_shape(problem, pis, targets):
    t = problem.tasks
    ragged = isinstance(t, Ragged) or isinstance(targets, Ragged)
    shapes = [] if ragged else [(s.support_x.shape, s.query_x.shape) for s in (t, targets)]
    return scored(problem, pis, t if shapes and shapes[0] == shapes[1] else targets)


_COLUMNS: dict[object, torch.Tensor] = {}


@mutant("right-hand sides kept by lam, data and regulariser", kinds=("query",))
def sides_kept_by_lam(problem, pis):
    x = problem.tasks.groups()[0][1].query_x
    key = (problem.lam.numpy().tobytes(), x.numpy().tobytes(), str(problem.outer_reg), tuple(pis))
    kept = _COLUMNS.setdefault(key, columns(problem, pis))
    return solved(problem, hessian(problem), kept)


_INNER: dict[object, torch.Tensor] = {}


@mutant("right-hand sides kept by all that is outside of adaptation", kinds=("support",),
        families=("proximal_ridge", "maml_linear"))  # fmt: skip
def sides_kept_by_what_is_outside(problem, pis):
    t = problem.tasks.groups()[0][1]
    every = (problem.lam, t.w, t.query_x, t.query_weight)
    key = (*(a.numpy().tobytes() for a in every), str(problem.outer_reg), tuple(pis))
    return solved(problem, hessian(problem), _INNER.setdefault(key, columns(problem, pis)))
