"""Methods that are right on small problems: of few tasks, few parameters, few players, few steps."""

import torch

from metainfl.adaptation import Unrolled
from metainfl.influence import removal
from metainfl.oracle.mutants import kept
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.values import QUADRATIC, kept_games, semivalue
from metainfl.problem.perturbation import Perturbation, group, parts
from metainfl.problem.weights import without

TASK = ("task",)
WEIGHTS = ("task", "support", "query", "group")


@mutant("an inverse a batch of 64 tasks, averaged")
def inverses_of_64_tasks(problem, pis):
    rows, n = columns(problem, pis), problem.tasks.n_tasks
    starts = range(0, n, 64)
    found = torch.zeros_like(rows)
    for a in starts:
        some = problem.tasks.select(list(range(a, min(a + 64, n))))
        found = found + solved(problem, hessian(problem.replaced(tasks=some)), rows)
    return found / len(starts)


@mutant("the sixteen largest eigenvalues, the rest dropped")
def sixteen_eigenvalues(problem, pis):
    values, vectors = torch.linalg.eigh(hessian(problem))
    off = problem.tangent()
    skip = 0 if off is None else off.shape[1]
    values, vectors = values[skip:][-16:], vectors[:, skip:][:, -16:]
    return -(vectors @ ((vectors.T @ columns(problem, pis).T) / values[:, None])).T


@mutant("at most five inner steps", families=("maml_linear", "maml_softmax"))
def at_most_five_steps(problem, pis):
    a = problem.adaptation
    other = Unrolled(min(a.steps, 5), a.rate, inner_reg=a.inner_reg)
    return truth(problem.replaced(adaptation=other), pis)


@mutant("one precision a parameter read as their mean")
def mean_precision(problem, pis):
    mean = float(torch.as_tensor(problem.outer_reg, dtype=torch.float64).mean())
    return truth(problem.replaced(outer_reg=mean), pis)


@mutant("of padded sets the first rows are taken, as many as there should be")
def first_rows_of_padded_sets(problem, pis):
    def front(w):
        kept = torch.arange(w.shape[1])[None] < (w != 0).sum(1, keepdim=True)
        return torch.where(kept, torch.where(w == 0, torch.ones_like(w), w), torch.zeros_like(w))

    t = problem.tasks
    tasks = t.reweighted(query=front(t.query_weight), support=front(t.support_weight))
    return truth(problem.replaced(tasks=tasks), pis)


@mutant("the Hessian kept on the problem, whatever is assigned later")
def hessian_kept_on_the_problem(problem, pis):
    if not hasattr(problem, "_kept_hessian"):
        problem._kept_hessian = hessian(problem)
    return solved(problem, problem._kept_hessian, columns(problem, pis))


@mutant("a Newton step in which the parts of one task are taken off one by one", estimand="newton",
        kinds=WEIGHTS, families=("proximal_ridge", "maml_softmax"))  # fmt: skip
def newton_part_by_part(problem, pis):
    lam, rows = problem.lam, []
    g, h = problem.gradient(lam), problem.hessian(lam)
    for p in pis:
        slope, curve = g, h
        for m in parts(p):
            before = problem.replaced(tasks=problem.tasks.select([m.task]), outer_reg=0.0)
            less = without(problem.tasks, m).select([m.task])
            after = problem.replaced(tasks=less, outer_reg=0.0)
            slope = slope - before.gradient(lam) + after.gradient(lam)
            curve = curve - before.hessian(lam) + after.hessian(lam)
        rows.append(lam + solved(problem, curve, slope[None])[0])
    return torch.stack(rows)


@mutant("of a group only the first member of each task is removed", estimand="removal",
        kinds=WEIGHTS, families=("proximal_ridge", "maml_linear"))  # fmt: skip
def removes_one_member_a_task(problem, pis):
    def thinned(p):
        first: dict[int, Perturbation] = {}
        for m in parts(p):
            first.setdefault(m.task, m)
        return group(list(first.values())) if p.kind == "group" else p

    return kept.edits(removal.resolved, problem, [thinned(p) for p in pis])


@mutant("Banzhaf that is wrong for more than five players", estimand="banzhaf", kinds=TASK,
        families=QUADRATIC)  # fmt: skip
def banzhaf_of_five(problem, pis, targets):
    found = semivalue(problem, pis, targets, lambda n, s: 0.5 ** (n - 1))
    return found * (1.3 if problem.tasks.n_tasks > 5 else 1.0)


def by_size(problem, pis, targets, inside, outside):
    """Mean value of the subsets of a size that hold the task, less that of those that do not."""
    v, n = kept_games(problem, targets), problem.tasks.n_tasks
    sets = torch.arange(2**n)
    size = torch.tensor([s.bit_count() for s in range(2**n)])
    holds = [((sets >> p.task) & 1) == 1 for p in pis]
    rows = [v[(size == inside) & x].mean(0) - v[(size == outside) & ~x].mean(0) for x in holds]
    return torch.stack(rows)


@mutant("Downsampling over all but one task", estimand="downsampling", kinds=TASK,
        families=QUADRATIC)  # fmt: skip
def downsampling_of_all_but_one(problem, pis, targets):
    m = problem.tasks.n_tasks - 1
    return by_size(problem, pis, targets, m, m)


@mutant("expected removal from half of the tasks", estimand="expected_removal", kinds=TASK,
        families=QUADRATIC)  # fmt: skip
def expected_removal_of_half(problem, pis, targets):
    m = (problem.tasks.n_tasks + 1) // 2
    return by_size(problem, pis, targets, m + 1, m)
