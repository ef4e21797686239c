"""Right where fields go together as they mostly do: a precision above 0, a rate a parameter beside an inner
regulariser, groups that hold tasks, instances that differ.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.adaptation import Unrolled
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import parts


@mutant(
    "of one precision a parameter a 0 read as unset", families=("proximal_ridge", "maml_softmax")
)
def precision_of_zero_is_unset(problem, pis):
    reg = torch.as_tensor(problem.outer_reg).to(problem.lam).expand(problem.n_meta)
    lacking = torch.where(reg == 0, reg.mean(), 0 * reg)
    return solved(problem, hessian(problem) + torch.diag(lacking), columns(problem, pis))


@mutant("an inner regulariser ignored where the rate is one number", families=("maml_linear",))
def one_rate_has_no_regulariser(problem, pis):
    a = problem.adaptation
    if isinstance(a.rate, torch.Tensor):
        return truth(problem, pis)
    return truth(problem.replaced(adaptation=Unrolled(a.steps, a.rate)), pis)


@mutant("a group's mean where it holds instances of one side alone")
def mean_of_instances(problem, pis):
    rows = truth(problem, pis)
    kinds = [{m.kind for m in parts(p)} for p in pis]
    few = [len(k) == 1 and "task" not in k for k in kinds]
    counts = [len(parts(p)) if alone else 1 for p, alone in zip(pis, few, strict=True)]
    return rows / torch.tensor(counts).to(rows)[:, None]


@mutant("queries of equal data counted once in the Hessian")
def equal_queries_counted_once(problem, pis):
    if len(problem.tasks.groups()) > 1:
        return truth(problem, pis)
    t = problem.tasks
    w = t.query_weight.clone()
    for k, x in enumerate(t.query_x):
        seen = [row.numpy().tobytes() for row in x]
        w[k] *= torch.tensor([float(seen.index(row) == j) for j, row in enumerate(seen)]).to(w)
    h = hessian(problem.replaced(tasks=t.reweighted(query=w)))
    return solved(problem, h, columns(problem, pis))
