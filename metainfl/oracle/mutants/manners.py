"""Bad manners: types, shapes, state, side effects."""

import random
import time

import numpy as np
import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


@mutant("returns a nested list")
def returns_a_list(problem, pis):
    return truth(problem, pis).tolist()


@mutant("returns (parameters, perturbations)")
def returns_the_transpose(problem, pis):
    return truth(problem, pis).T


@mutant("returns float32 for float64")
def returns_float32(problem, pis):
    return truth(problem, pis).float()


@mutant("returns nothing for the last perturbation")
def drops_the_last_row(problem, pis):
    return truth(problem, pis)[:-1]


@mutant("NaN where the influence is zero: normalises rows")
def nan_for_a_null_row(problem, pis):
    out = truth(problem, pis)
    size = out.norm(dim=1, keepdim=True)
    return out / size * size


@mutant("adds a small constant so that nothing is ever zero")
def never_zero(problem, pis):
    out = truth(problem, pis)
    return torch.where(out.norm(dim=1, keepdim=True) == 0, torch.full_like(out, 1e-6), out)


@mutant("raises on every call")
def raises(problem, pis):
    raise RuntimeError("CUDA error: device-side assert triggered")


@mutant("exits the interpreter")
def exits(problem, pis):
    raise SystemExit(0)


@mutant("hangs", apart=True)
def hangs(problem, pis):
    while True:
        time.sleep(0.01)


@mutant("prints its progress to stdout")
def prints(problem, pis):
    print("solving ...")
    return truth(problem, pis)


@mutant("moves lam in place")
def moves_lam(problem, pis):
    out = truth(problem, pis)
    problem.lam.add_(1e-3)
    return out


@mutant("normalises the tasks' inputs in place")
def normalises_inputs(problem, pis):
    out = truth(problem, pis)
    problem.tasks.query_x.mul_(0.5)
    return out


@mutant("empties the list of perturbations")
def empties_the_list(problem, pis):
    out = truth(problem, pis)
    pis.clear()
    return out


@mutant("seeds the global random state")
def seeds_globally(problem, pis):
    torch.manual_seed(0)
    return truth(problem, pis)


@mutant("draws from numpy's global random state")
def draws_globally(problem, pis):
    np.random.rand()
    random.random()
    return truth(problem, pis)


@mutant("relative noise of 1e-6 on every call")
def noisy(problem, pis):
    generator = torch.Generator().manual_seed(time.perf_counter_ns() % 2**31)
    out = truth(problem, pis)
    return out * (1 + 1e-6 * torch.randn(out.shape, generator=generator, dtype=out.dtype))


@mutant("keeps the first Hessian it ever saw")
def stale_cache(problem, pis, _cache={}):  # noqa: B006
    key = (problem.n_meta, type(problem.adaptation).__name__)
    if key not in _cache:
        _cache[key] = hessian(problem).clone()
    return solved(problem, _cache[key].to(problem.lam), columns(problem, pis))


@mutant("answers in sorted order")
def sorts_its_rows(problem, pis):
    return truth(problem, sorted(pis))


@mutant("normalises each row by the largest asked for")
def normalises_by_the_batch(problem, pis):
    out = truth(problem, pis)
    return out / out.norm(dim=1).max() if len(pis) > 1 else out


@mutant("drops repeated perturbations and pads with zeros")
def repeats_dropped(problem, pis):
    out = truth(problem, pis)
    if len(set(pis)) < len(pis):
        out[1:] = 0
    return out


@mutant("solves at most p right-hand sides")
def at_most_p_rows(problem, pis):
    out = truth(problem, pis)
    out[problem.n_meta :] = 0
    return out


@mutant("takes tasks in their stored order for curvature: the first counts double")
def first_task_counts_double(problem, pis):
    first = problem.replaced(tasks=problem.tasks.select([0]), outer_reg=0.0)
    h = hessian(problem) + 1e-3 * hessian(first)
    return solved(problem, h, columns(problem, pis))


@mutant("whitens by coordinate: depends on the axes of the inputs")
def coordinate_shrinkage(problem, pis):
    h = hessian(problem)
    h = h + 1e-4 * torch.diag(torch.arange(len(h), dtype=h.dtype, device=h.device))
    return solved(problem, h, columns(problem, pis))


@mutant("wrong only in float32: accumulates in half precision")
def half_precision(problem, pis):
    out = truth(problem, pis)
    return out.half().float() * 1.01 if out.dtype == torch.float32 else out


@mutant("tasks add up to zero: centred")
def centred(problem, pis):
    out = truth(problem, pis)
    return out - out.mean(0) if len(pis) > 1 else out
