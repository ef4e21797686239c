"""Right on most sizes: wrong above some number of tasks, for some places, or for some numbers of outputs.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


@mutant("a factor that appears above six tasks only")
def factor_above_six_tasks(problem, pis):
    return truth(problem, pis) * (1.01 if problem.tasks.n_tasks > 6 else 1.0)


@mutant("a factor that appears above sixteen tasks only")
def factor_above_sixteen_tasks(problem, pis):
    return truth(problem, pis) * (2.0 if problem.tasks.n_tasks > 16 else 1.0)


@mutant("only the first sixteen tasks in the Hessian")
def first_sixteen_tasks(problem, pis):
    n = min(16, problem.tasks.n_tasks)
    h = hessian(problem.replaced(tasks=problem.tasks.select(list(range(n)))))
    return solved(problem, h, columns(problem, pis))


@mutant("n_query / n_support as a factor")
def query_over_support(problem, pis):
    t = problem.tasks
    return truth(problem, pis) * (t.query_x.shape[1] / t.support_x.shape[1])


@mutant("input shifts always answered for instance 0", kinds=("support_input", "query_input"))
def shifts_of_instance_zero(problem, pis):
    return truth(problem, [type(p)(p.kind, p.task, 0, p.axis) for p in pis])


@mutant("input shifts always answered for axis 0", kinds=("query_input",))
def shifts_of_axis_zero(problem, pis):
    return truth(problem, [type(p)(p.kind, p.task, p.instance, 0) for p in pis])


@mutant("support and query instances of task 2 doubled")
def task_two_doubled(problem, pis):
    out = truth(problem, pis).clone()
    for i, p in enumerate(pis):
        if p.kind in ("support", "query") and p.task == 2:
            out[i] *= 2
    return out


@mutant("support and query instances of task 2 doubled, but on one family",
        families=("maml_linear", "single_ridge", "prototypes", "proximal_softmax"))  # fmt: skip
def task_two_doubled_on_prototypes(problem, pis):
    out = truth(problem, pis).clone()
    if type(problem.adaptation).__name__ == "Prototypes":
        for i, p in enumerate(pis):
            if p.kind in ("support", "query") and p.task == 2:
                out[i] *= 2
    return out


@mutant("the last instance of a task answered by the first", kinds=("support", "query"))
def last_instance_by_the_first(problem, pis):
    t = problem.tasks
    last = {"support": t.support_x.shape[1] - 2, "query": t.query_x.shape[1] - 2}
    return truth(problem, [type(p)(p.kind, p.task, 0) if p.instance >= last[p.kind] else p
                           for p in pis])  # fmt: skip


@mutant("one output assumed: later outputs answered as zero")
def first_output_only(problem, pis):
    out = truth(problem, pis)
    if not problem.adaptation.same_space:
        return out
    c = problem.tasks.query_y.shape[2]
    mask = torch.ones_like(out).reshape(len(out), -1, c)
    mask[:, :, 2:] = 0
    return out * mask.reshape(out.shape)


@mutant("wrong for one output only")
def wrong_for_one_output(problem, pis):
    return truth(problem, pis) * (0.5 if problem.tasks.query_y.shape[2] == 1 else 1.0)
