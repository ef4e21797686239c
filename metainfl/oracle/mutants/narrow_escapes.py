"""Methods that are right on most problems: what an oracle misses whose cases are too much alike.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.adaptation import Unrolled
from metainfl.oracle.mutants.parts import columns, eye, solved, truth
from metainfl.oracle.mutants.registry import mutant


def _rates(a):
    return a.rate if isinstance(a, Unrolled) else 0.0


def _unrolled(problem, steps, rate=None):
    a = problem.adaptation
    if not isinstance(a, Unrolled):
        return problem
    rate = a.rate if rate is None else rate
    return problem.replaced(adaptation=Unrolled(steps, rate, inner_reg=a.inner_reg))


@mutant("a factor that appears above six tasks only")
def factor_above_six_tasks(problem, pis):
    return truth(problem, pis) * (1.01 if problem.tasks.n_tasks > 6 else 1.0)


@mutant("a factor that appears above sixteen tasks only")
def factor_above_sixteen_tasks(problem, pis):
    return truth(problem, pis) * (2.0 if problem.tasks.n_tasks > 16 else 1.0)


@mutant("only the first sixteen tasks in the Hessian")
def first_sixteen_tasks(problem, pis):
    n = min(16, problem.tasks.n_tasks)
    h = problem.replaced(tasks=problem.tasks.select(list(range(n)))).hessian(problem.lam)
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


@mutant("one flat direction deflated where there are several",
        families=("linear_representation", "prototypes"))  # fmt: skip
def one_flat_direction(problem, pis):
    h, b = problem.hessian(problem.lam), columns(problem, pis)
    off = problem.tangent()[:, :1]
    h = h + off @ off.T - 1e-9 * eye(problem)
    x = -torch.linalg.solve(h, b.T).T
    return x - (x @ off) @ off.T + 1e-3 * problem.tangent()[:, 1:].sum(1)


@mutant("direct ignored")
def direct_ignored(problem, pis):
    return truth(problem.replaced(direct=0.0), pis)


@mutant("direct ignored in the Hessian", families=("proximal_ridge", "maml_softmax"))
def direct_ignored_in_the_hessian(problem, pis):
    h = problem.replaced(direct=0.0).hessian(problem.lam)
    return solved(problem, h, columns(problem, pis))


@mutant("at most three inner steps", families=("maml_linear", "maml_softmax"))
def at_most_three_steps(problem, pis):
    return truth(_unrolled(problem, min(3, problem.adaptation.steps)), pis)


@mutant("at most two inner steps", families=("maml_linear", "maml_softmax"))
def at_most_two_steps(problem, pis):
    return truth(_unrolled(problem, min(2, problem.adaptation.steps)), pis)


@mutant("one inner step too many", families=("maml_linear", "maml_softmax"))
def one_step_more(problem, pis):
    return truth(_unrolled(problem, problem.adaptation.steps + 1), pis)


@mutant("the mean of a vector of learning rates", families=("maml_linear", "maml_softmax"))
def mean_of_the_rates(problem, pis):
    rate = torch.as_tensor(_rates(problem.adaptation), dtype=problem.lam.dtype)
    return truth(_unrolled(problem, problem.adaptation.steps, float(rate.mean())), pis)


@mutant("the first of a vector of learning rates", families=("maml_linear", "maml_softmax"))
def first_of_the_rates(problem, pis):
    rate = torch.as_tensor(_rates(problem.adaptation), dtype=problem.lam.dtype).reshape(-1)
    return truth(_unrolled(problem, problem.adaptation.steps, float(rate[0])), pis)


@mutant(
    "inner regulariser of an unrolled learner ignored", families=("maml_linear", "maml_softmax")
)
def unrolled_regulariser_ignored(problem, pis):
    a = problem.adaptation
    return truth(problem.replaced(adaptation=Unrolled(a.steps, a.rate)), pis)


@mutant("5e-4 wrong in float32")
def slightly_wrong_in_float32(problem, pis):
    out = truth(problem, pis)
    return out * (1 + 5e-4) if out.dtype == torch.float32 else out


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


@mutant("the inner loss used for the outer one")
def inner_loss_outside(problem, pis):
    return truth(problem.replaced(outer_loss=problem.setting.inner_loss), pis)


@mutant("query weights ignored")
def query_weights_ignored(problem, pis):
    w = (problem.tasks.query_weight != 0).to(problem.lam)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(query=w)), pis)


@mutant("all weights ignored")
def weights_ignored(problem, pis):
    t = problem.tasks
    one = [(w != 0).to(problem.lam) for w in (t.w, t.support_weight, t.query_weight)]
    tasks = t.reweighted(task=one[0], support=one[1], query=one[2])
    return truth(problem.replaced(tasks=tasks), pis)


@mutant("padding counted in the query set")
def padding_counted(problem, pis):
    w = problem.tasks.query_weight
    w = torch.where(w == 0, torch.ones_like(w), w)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(query=w)), pis)


@mutant("padding counted in the support set")
def support_padding_counted(problem, pis):
    w = problem.tasks.support_weight
    w = torch.where(w == 0, torch.ones_like(w), w)
    return truth(problem.replaced(tasks=problem.tasks.reweighted(support=w)), pis)


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


@mutant("right in its first call only")
def right_at_first(problem, pis, _calls=[]):  # noqa: B006
    _calls.append(1)
    return truth(problem, pis) * (1.0 if len(_calls) == 1 else 1.5)
