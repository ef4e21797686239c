"""Slips of sign, scale and bookkeeping."""

import torch

from metainfl.methods.claim import Claim
from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import MUTANTS, Specimen, mutant


@mutant("sign flipped")
def sign_flipped(problem, pis):
    return -truth(problem, pis)


@mutant("factor of two")
def factor_two(problem, pis):
    return 2 * truth(problem, pis)


@mutant("factor of one half: the Hessian of the squared loss without its 1/2")
def factor_half(problem, pis):
    return truth(problem, pis) / 2


@mutant("mean over tasks taken for the sum in the Hessian only")
def mean_hessian(problem, pis):
    h = (hessian(problem) - problem.outer_reg * eye(problem)) / problem.tasks.n_tasks
    return solved(problem, h + problem.outer_reg * eye(problem), columns(problem, pis))


@mutant("scaled by the number of tasks (dattri and pyDVL against captum)")
def scaled_by_tasks(problem, pis):
    return problem.tasks.n_tasks * truth(problem, pis)


@mutant("divided by the number of tasks")
def divided_by_tasks(problem, pis):
    return truth(problem, pis) / problem.tasks.n_tasks


@mutant("divided by the number of query instances")
def divided_by_queries(problem, pis):
    return truth(problem, pis) / problem.tasks.query_x.shape[1]


@mutant("outer regulariser missing from the inverse (001, Prop. 4.8 as printed)")
def no_outer_regulariser(problem, pis):
    h = hessian(problem) - problem.outer_reg * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("outer regulariser counted twice: once in H, once as damping")
def outer_regulariser_twice(problem, pis):
    h = hessian(problem) + problem.outer_reg * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("a forgotten damping of 1e-3")
def hidden_damping(problem, pis):
    return solved(problem, hessian(problem) + 1e-3 * eye(problem), columns(problem, pis))


@mutant("support influence with the sign of Prop. 4.8 as printed", kinds=("support",))
def support_sign_as_printed(problem, pis):
    return -truth(problem, pis)


@mutant("instance derivatives without the weight of their task", kinds=("query", "support"))
def forgets_the_task_weight(problem, pis):
    w = problem.tasks.w[[p.task for p in pis]]
    return truth(problem, pis) / w[:, None].clamp_min(1e-12)


@mutant("Hessian at weights 1, whatever the weights")
def hessian_ignores_weights(problem, pis):
    w = torch.ones_like(problem.tasks.w)
    plain = problem.replaced(tasks=problem.tasks.reweighted(task=w))
    return solved(problem, hessian(plain), columns(problem, pis))


@mutant("support weights ignored in adaptation")
def ignores_support_weights(problem, pis):
    ones = torch.ones_like(problem.tasks.view().support_weight)
    plain = problem.replaced(tasks=problem.tasks.reweighted(support=ones))
    return truth(plain, pis)


@mutant("tasks of weight 0 still counted in the Hessian")
def counts_absent_tasks(problem, pis):
    w = torch.where(problem.tasks.w == 0, torch.ones_like(problem.tasks.w), problem.tasks.w)
    plain = problem.replaced(tasks=problem.tasks.reweighted(task=w))
    return solved(problem, hessian(plain), columns(problem, pis))


@mutant("parameters in transposed layout")
def transposed_layout(problem, pis):
    out = truth(problem, pis)
    d = problem.tasks.query_x.shape[2]
    rows = d if problem.adaptation.same_space else problem.n_meta // d
    return out.reshape(len(pis), rows, -1).mT.reshape(out.shape)


@mutant("a group's mean instead of its sum", kinds=("task", "group"))
def group_mean(problem, pis):
    sizes = torch.tensor([max(1, len(p.members)) for p in pis], dtype=problem.lam.dtype)
    return truth(problem, pis) / sizes[:, None].to(problem.lam)


@mutant("a group answered by its first member", kinds=("task", "query", "group"))
def group_first_member(problem, pis):
    return truth(problem, [p.members[0] if p.members else p for p in pis])


@mutant("input shifts taken in units of a tenth", kinds=("query_input",))
def shift_units(problem, pis):
    return truth(problem, pis) / 10


@mutant("Proposition 4.8's instance-IF: the effect of removal, returned as the derivative",
        kinds=("support",))  # fmt: skip
def effect_of_removal(problem, pis):
    return -truth(problem, pis)


for _factor in (3.0, -2.0, 0.1, 1 + 1e-6, 1 - 1e-8):

    def _scaled(problem, pis, factor=_factor):
        return factor * truth(problem, pis)

    _label = f"scaled_{_factor:.9g}".replace(".", "_").replace("-", "minus_")
    _scaled.__name__ = _label
    MUTANTS[_label] = Specimen(_label, _scaled, Claim(), f"a factor of {_factor:.9g}")
