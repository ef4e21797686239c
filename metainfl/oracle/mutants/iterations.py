"""Iterative solvers that stop early or step wrongly, and systems of which a part is solved."""

import torch

from metainfl.oracle.mutants.parts import solved, system
from metainfl.oracle.mutants.registry import mutant

CONVEX = ("single_ridge", "single_softmax", "proximal_softmax", "maml_linear", "maml_softmax")


def _cg(h, b, rtol, most, slip=lambda step, k: step):
    x, r = torch.zeros_like(b), b.clone()
    d, rr = r.clone(), (b * b).sum(0)
    for k in range(most):
        if bool((rr.sqrt() <= rtol * b.norm(dim=0)).all()):
            break
        ad = h @ d
        step = slip(rr / (d * ad).sum(0).clamp_min(1e-300), k)
        x, r = x + step * d, r - step * ad
        new = (r * r).sum(0)
        d, rr = r + new / rr.clamp_min(1e-300) * d, new
    return -x.T


@mutant("CG to a residual of 1e-3", families=CONVEX)
def loose_cg_1e_3(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-3, 200)


@mutant("CG to a residual of 1e-6", families=CONVEX)
def loose_cg_1e_6(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-6, 200)


@mutant("CG of at most four iterations", families=CONVEX)
def cg_four(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-15, 4)


@mutant("CG of a single iteration", families=CONVEX)
def cg_one(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-15, 1)


@mutant("CG whose first step is half as long", families=CONVEX)
def cg_wrong_first_step(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-15, 5, lambda s, k: s / 2 if k == 0 else s)


@mutant("CG with steps a tenth too short", families=CONVEX)
def cg_short_steps(problem, pis):
    h, b = system(problem, pis)
    return _cg(h, b, 1e-15, 6, lambda s, k: 0.9 * s)


@mutant("CG that stops when the first right-hand side is done", families=CONVEX)
def cg_first_column_decides(problem, pis):
    h, b = system(problem, pis)
    x, r = torch.zeros_like(b), b.clone()
    d, rr = r.clone(), (b * b).sum(0)
    while float(rr[0].sqrt()) > 1e-3 * float(b[:, 0].norm()):
        ad = h @ d
        step = rr / (d * ad).sum(0).clamp_min(1e-300)
        x, r = x + step * d, r - step * ad
        new = (r * r).sum(0)
        d, rr = r + new / rr.clamp_min(1e-300) * d, new
    return -x.T


@mutant("Jacobi sweeps, ten of them", families=CONVEX)
def jacobi_ten(problem, pis):
    h, b = system(problem, pis)
    d = 2 * h.abs().sum(1, keepdim=True)
    x = b / d
    for _ in range(10):
        x = x + (b - h @ x) / d
    return -x.T


@mutant("block-diagonal Hessian, blocks of two")
def block_diagonal(problem, pis):
    h, b = system(problem, pis)
    index = torch.arange(len(h)) // 2
    return solved(problem.replaced(symmetry=None), h * (index[:, None] == index[None]), b.T)


@mutant("upper triangle of the Hessian only", families=CONVEX)
def upper_triangle(problem, pis):
    h, b = system(problem, pis)
    return -torch.linalg.solve(torch.triu(h), b).T
