"""Right of problems written down as most are: in units near 1, labels one-hot, tasks stacked, all at once.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.tasks import Tasks


def _with(problem, x, y):
    t = problem.tasks
    given = (x(t.support_x), y(t.support_y), x(t.query_x), y(t.query_y))
    return problem.replaced(tasks=Tasks(*given, t.w, t.support_weight, t.query_weight))


@mutant("inputs cut at a hundred")
def inputs_cut_at_a_hundred(problem, pis):
    if len(problem.tasks.groups()) > 1:
        return truth(problem, pis)
    return truth(_with(problem, lambda x: x.clamp(-100, 100), lambda y: y), pis)


@mutant(
    "labels that are numbers taken to count from 1", families=("single_softmax", "maml_softmax")
)
def labels_count_from_one(problem, pis):
    def counted(y):
        return y if y.is_floating_point() else (y - 1).clamp(min=0)

    if len(problem.tasks.groups()) > 1:
        return truth(problem, pis)
    return truth(_with(problem, lambda x: x, counted), pis)


@mutant("of tasks of different sizes those of the first size alone in the Hessian")
def tasks_of_the_first_size(problem, pis):
    index, _ = problem.tasks.groups()[0]
    tasks = problem.tasks if index is None else problem.tasks.select(sorted(index.tolist()))
    return solved(problem, hessian(problem.replaced(tasks=tasks)), columns(problem, pis))


_KEPT: list[tuple[object, torch.Tensor]] = []


@mutant("a Hessian for each object that holds tasks, whatever else is assigned")
def hessian_by_the_object(problem, pis):
    if not _KEPT or _KEPT[0][0] is not problem.tasks:
        _KEPT[:] = [(problem.tasks, hessian(problem))]
    return solved(problem, _KEPT[0][1], columns(problem, pis))
