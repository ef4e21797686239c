"""Right for lists, groups and weights of the usual kind: long lists, repeats, groups of one, absent tasks.

Each was once found to pass a quick check, but for the last two. None may again.
"""

import torch

from metainfl.influence import removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


def _changed(rows, pis, factor):
    """Rows times what each perturbation is given."""
    return torch.tensor([factor(p) for p in pis]).to(rows)[:, None] * rows


@mutant("at most a thousand rows, the rest zero")
def a_thousand_rows(problem, pis):
    out = truth(problem, pis).clone()
    out[1000:] = 0
    return out


@mutant("repeated perturbations dropped, and the last row repeated in their place")
def repeats_the_last_row(problem, pis):
    own = list(dict.fromkeys(pis))
    rows = truth(problem, own)
    return torch.cat([rows, rows[-1:].expand(len(pis) - len(own), -1)])


@mutant("a task of weight 0 has no influence", kinds=("task", "query", "group"))
def absent_tasks_have_none(problem, pis):
    here = lambda p: float(p.kind != "task" or problem.tasks.w[p.task] != 0)  # noqa: E731
    return _changed(truth(problem, pis), pis, here)


@mutant("groups of one left at zero")
def groups_of_one_at_zero(problem, pis):
    return _changed(truth(problem, pis), pis, lambda p: float(len(p.members) != 1))


@mutant("a group of one is not removed", estimand="removal", kinds=("task", "group"),
        families=("proximal_ridge", "maml_linear"))  # fmt: skip
def groups_of_one_stay(problem, pis):
    shifts = kept.edits(removal.resolved, problem, pis) - problem.lam
    return problem.lam + _changed(shifts, pis, lambda p: float(len(p.members) != 1))


_BUFFERS: dict[object, torch.Tensor] = {}


@mutant("one array for all answers of a shape, which the next call writes into")
def writes_into_its_last_answer(problem, pis):
    rows = truth(problem, pis)
    kept = _BUFFERS.setdefault((tuple(rows.shape), rows.dtype), torch.empty_like(rows))
    return kept.copy_(rows)


_ANSWERS: dict[object, torch.Tensor] = {}


@mutant("a cache of answers by the set of what is asked")
def cache_by_the_set(problem, pis):
    t = problem.tasks
    every = (problem.lam, t.query_x, t.w, t.support_weight, t.query_weight)
    key = (frozenset(pis), len(pis), str(problem.outer_reg), *(a.numpy().tobytes() for a in every))
    return _ANSWERS.setdefault(key, truth(problem, pis)).clone()


@mutant("tasks of equal data counted once in the Hessian")
def equal_tasks_counted_once(problem, pis):
    t = problem.tasks
    seen = [x.numpy().tobytes() for x in t.query_x]
    first = torch.tensor([float(seen.index(x) == k) for k, x in enumerate(seen)]).to(t.w)
    other = problem.replaced(tasks=t.reweighted(task=t.w * first))
    return solved(problem, hessian(other), columns(problem, pis))
