"""Slips after a right answer: rows left out, mixed up or rounded."""

import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("rows of tasks beyond the third left at zero", kinds=("task",))
def rows_left_at_zero(problem, pis):
    out = truth(problem, pis).clone()
    out[3:] = 0
    return out


@mutant("every second row left at zero")
def every_second_row_zero(problem, pis):
    out = truth(problem, pis).clone()
    out[1::2] = 0
    return out


@mutant("half of every row left at zero")
def half_rows(problem, pis):
    out = truth(problem, pis).clone()
    out[:, out.shape[1] // 2 :] = 0
    return out


@mutant("rows in the opposite order")
def rows_reversed(problem, pis):
    return truth(problem, pis).flip(0)


@mutant("each row of unit length")
def unit_rows(problem, pis):
    out = truth(problem, pis)
    return out / out.norm(dim=1, keepdim=True).clamp_min(1e-300)


@mutant("tasks answered by their neighbour", kinds=("task",))
def off_by_one_task(problem, pis):
    n = problem.tasks.n_tasks
    return truth(problem, [type(p)(p.kind, (p.task + 1) % n) for p in pis])


@mutant("support answered by query", kinds=("support",), families=("proximal_ridge", "maml_linear"))
def query_for_support(problem, pis):
    n = problem.tasks.query_x.shape[1]
    return truth(problem, [type(p)("query", p.task, p.instance % n) for p in pis])


@mutant("mean of the two neighbours in the list")
def smoothed(problem, pis):
    out = truth(problem, pis)
    return (out + out.roll(1, 0)) / 2


@mutant("rounded to six digits")
def six_digits(problem, pis):
    out = truth(problem, pis)
    scale = out.abs().max().clamp_min(1e-300)
    return (out / scale * 1e6).round() / 1e6 * scale


@mutant("absolute values")
def absolute(problem, pis):
    return truth(problem, pis).abs()


@mutant("small entries set to zero")
def sparsified(problem, pis):
    out = truth(problem, pis)
    return torch.where(out.abs() > 1e-2 * out.abs().max(), out, torch.zeros_like(out))
