"""Right where axes differ in length, where tasks of a size stand together, and where every side has weight.

Each was once found to pass a full check: weights other than 1 stood in no square array, tasks of one size
were a stretch of the tasks, the queries of every task held every class, no side of a task was without weight,
and inner losses were of one size.
"""

import torch
from torch.func import grad

from metainfl import Tasks
from metainfl.adaptation import Unrolled
from metainfl.adaptation.rates import flat
from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import Perturbation

SOFTMAX = ("single_softmax", "proximal_softmax", "maml_softmax")


@mutant("the weights of queries turned round where they are square")
def query_weights_turned_where_square(problem, pis):
    t, w = problem.tasks, problem.tasks.query_weight
    if w.shape[0] != w.shape[1]:
        return truth(problem, pis)
    return truth(problem.replaced(tasks=t.reweighted(query=w.T.contiguous())), pis)


@mutant("a weight a task taken for one a query where there are as many, in the Hessian",
        kinds=("task", "query"))  # fmt: skip
def task_weights_along_queries(problem, pis):
    t = problem.tasks
    if t.query_weight.shape[1] != t.n_tasks or not (t.w > 0).all():
        return truth(problem, pis)
    w = t.query_weight * t.w / t.w[:, None]
    h = hessian(problem.replaced(tasks=t.reweighted(query=w)))
    return solved(problem, h, columns(problem, pis))


@mutant("labels that are numbers counted anew in every task", families=SOFTMAX)
def numbers_counted_by_task(problem, pis):
    t = problem.tasks
    if t.query_y.is_floating_point():
        return truth(problem, pis)
    y = torch.stack([torch.unique(own, return_inverse=True)[1] for own in t.query_y])
    own = (t.support_x, t.support_y, t.query_x, y, t.w, t.support_weight, t.query_weight)
    return truth(problem.replaced(tasks=Tasks(*own)), pis)


def _group_by_group(tasks):
    return torch.cat([places for places, _ in tasks.groups()])


@mutant("the weights of tasks of different sizes read group after group")
def weights_group_by_group(problem, pis):
    t = problem.tasks
    other = problem.replaced(tasks=t.reweighted(task=t.w[_group_by_group(t)]))
    return solved(problem, hessian(other), columns(problem, pis))


@mutant("rows of tasks of different sizes returned group after group", kinds=("task", "query"))
def rows_group_by_group(problem, pis):
    order = _group_by_group(problem.tasks).tolist()
    moved = [Perturbation("task", order[p.task]) if p.kind == "task" else p for p in pis]
    return truth(problem, moved)


def _by_a_mean(problem, pis, side):
    """A mean times what it was divided by."""
    rows, t = truth(problem, pis), problem.tasks
    total = torch.cat([getattr(own, side).sum(1) for _, own in t.groups()])
    at = torch.tensor([p.task for p in pis])
    return rows * (total / total)[torch.argsort(_group_by_group(t))][at][:, None]


@mutant("a mean over a task's queries times their weight, NaN where that is 0", kinds=("task",))
def mean_of_no_queries(problem, pis):
    return _by_a_mean(problem, pis, "query_weight")


@mutant("a mean over a task's supports times their weight, NaN where that is 0", kinds=("task",),
        families=("proximal_ridge", "maml_linear"))  # fmt: skip
def mean_of_no_supports(problem, pis):
    return _by_a_mean(problem, pis, "support_weight")


class EndsEarly(Unrolled):
    """Steps as long as the inner gradient is longer than a number."""

    def adapt(self, s, lam, task, state):
        """theta after the last of them."""

        def inner(theta):
            losses = s.inner_loss(s.model(theta, task.support_x), task.support_y)
            pull = 0.5 * self.inner_reg * (theta - lam).square().sum()
            return (task.support_weight * losses).sum() + pull

        theta, rate = lam, flat(self.rate, s.model, lam)
        for _ in range(self.steps):
            slope = grad(inner)(theta)
            theta = theta - rate * torch.where(slope.detach().norm() > 1e-3, slope, 0 * slope)
        return theta


@mutant("inner steps end where the inner gradient is shorter than 1e-3", families=("maml_softmax",))
def inner_steps_end_early(problem, pis):
    a = problem.adaptation
    own = EndsEarly(a.steps, a.rate, inner_reg=a.inner_reg)
    return truth(problem.replaced(adaptation=own), pis)
