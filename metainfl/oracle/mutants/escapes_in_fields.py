"""Right on most problems: wrong for some symmetries, inner learners, losses, precisions, or calls.

Each was once found to pass a full check. None may again.
"""

import torch

from metainfl.adaptation import Unrolled
from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


def _rates(a):
    return a.rate if isinstance(a, Unrolled) else 0.0


def _unrolled(problem, steps, rate=None):
    a = problem.adaptation
    if not isinstance(a, Unrolled):
        return problem
    rate = a.rate if rate is None else rate
    return problem.replaced(adaptation=Unrolled(steps, rate, inner_reg=a.inner_reg))


@mutant("one flat direction deflated where there are several",
        families=("linear_representation", "prototypes"))  # fmt: skip
def one_flat_direction(problem, pis):
    h, b = hessian(problem), columns(problem, pis)
    off = problem.tangent()[:, :1]
    h = h + off @ off.T - 1e-9 * eye(problem)
    x = -torch.linalg.solve(h, b.T).T
    return x - (x @ off) @ off.T + 1e-3 * problem.tangent()[:, 1:].sum(1)


@mutant("direct ignored")
def direct_ignored(problem, pis):
    return truth(problem.replaced(direct=0.0), pis)


@mutant("direct ignored in the Hessian", families=("proximal_ridge", "maml_softmax"))
def direct_ignored_in_the_hessian(problem, pis):
    h = hessian(problem.replaced(direct=0.0))
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


@mutant("the inner loss used for the outer one")
def inner_loss_outside(problem, pis):
    return truth(problem.replaced(outer_loss=problem.setting.inner_loss), pis)


@mutant("right in its first call only")
def right_at_first(problem, pis, _calls=[]):  # noqa: B006
    _calls.append(1)
    return truth(problem, pis) * (1.0 if len(_calls) == 1 else 1.5)
