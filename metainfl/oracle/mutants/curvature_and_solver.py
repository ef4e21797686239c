"""Slips in what stands for H and in how the system is solved."""

import time

import torch

from metainfl.influence import removal
from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


def _h(problem):
    return hessian(problem)


@mutant("no inverse curvature at all")
def identity_curvature(problem, pis):
    return -columns(problem, pis)


@mutant("Gamma of 001, Thm 5.1: a multiple of the identity", families=("proximal_ridge",))
def gamma_curvature(problem, pis):
    size = 3.0 + float(problem.tasks.w.sum())
    return -columns(problem, pis) / (size + problem.outer_reg)


@mutant("diagonal of the Hessian")
def diagonal_curvature(problem, pis):
    return solved(problem, torch.diag(torch.diag(_h(problem))), columns(problem, pis))


@mutant("empirical Fisher over tasks")
def empirical_fisher(problem, pis):
    g = problem.task_gradients(problem.lam)
    h = (problem.tasks.w[:, None] * g).T @ g + problem.outer_reg * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("sum of per-batch inverses, batches of two tasks (dattri's Explicit and CG)")
def per_batch_inverses(problem, pis):
    rhs = columns(problem, pis)
    out = torch.zeros_like(rhs)
    n = problem.tasks.n_tasks
    for start in range(0, n, 2):
        batch = problem.tasks.select(list(range(start, min(start + 2, n))))
        h = hessian(problem.replaced(tasks=batch))
        out = out + solved(problem, h, rhs)
    return out


@mutant("batches of the problem's chunk, inverses averaged")
def averages_over_chunks(problem, pis):
    rhs, n, c = columns(problem, pis), problem.tasks.n_tasks, problem.plan.chunk
    outs = []
    for start in range(0, n, c):
        batch = problem.tasks.select(list(range(start, min(start + c, n))))
        outs.append(solved(problem, hessian(problem.replaced(tasks=batch)), rhs))
    return torch.stack(outs).mean(0)


@mutant("the task's own part left out of H: a Newton removal", kinds=("task",))
def newton_removal_as_derivative(problem, pis):
    return problem.lam - removal.newton(problem, pis)


@mutant("the edited parameters returned, not the influence")
def returns_the_edit(problem, pis):
    return problem.lam - truth(problem, pis)


@mutant("claims removal, gives its first order", estimand="removal", kinds=("task", "query"))
def first_order_as_removal(problem, pis):
    return problem.lam - truth(problem, pis)


@mutant("claims a Newton removal, gives the first order", estimand="newton", kinds=("task",))
def first_order_as_newton(problem, pis):
    return problem.lam - truth(problem, pis)


@mutant("unscaled Neumann series of ten terms (001, Alg. 4)")
def neumann_unscaled(problem, pis):
    h, b = _h(problem), columns(problem, pis).T
    x = b.clone()
    for _ in range(10):
        x = b + x - h @ x
    return -x.T


@mutant("scaled Neumann series of twenty terms, sold as exact")
def neumann_truncated(problem, pis):
    h, b = _h(problem), columns(problem, pis).T
    c = 1 / torch.linalg.eigvalsh(h)[-1]
    x = c * b
    for _ in range(20):
        x = x - c * (h @ x - b)
    return -x.T


@mutant("series with a fixed scale of 1/50; when it diverges, returns its first term",
        families=("proximal_ridge",))  # fmt: skip
def fixed_scale_series(problem, pis):
    h, b = _h(problem), columns(problem, pis).T
    scale = 1 / 50
    if float(torch.linalg.eigvalsh(h)[-1]) * scale >= 2:
        return -(scale * b).T  # diverged: hand out what there was
    return -torch.linalg.solve(h, b).T  # its limit


@mutant("CG stopped after three iterations")
def cg_three_iterations(problem, pis):
    h, b = _h(problem), columns(problem, pis).T
    x, r = torch.zeros_like(b), b.clone()
    d, rr = r.clone(), (b * b).sum(0)
    for _ in range(3):
        ad = h @ d
        step = rr / (d * ad).sum(0).clamp_min(1e-300)
        x, r = x + step * d, r - step * ad
        new = (r * r).sum(0)
        d, rr = r + new / rr.clamp_min(1e-300) * d, new
    return -x.T


@mutant("half of the eigenvalues pruned")
def pruned_inverse(problem, pis):
    values, vectors = torch.linalg.eigh(_h(problem))
    v, u = values[len(values) // 2 :], vectors[:, len(values) // 2 :]
    return -(u @ ((u.T @ columns(problem, pis).T) / v[:, None])).T


@mutant("pseudo-inverse that drops eigenvalues below 1e-3 of the largest")
def careless_pseudo_inverse(problem, pis):
    inverse = torch.linalg.pinv(_h(problem), rtol=1e-3, hermitian=True)
    return -(inverse @ columns(problem, pis).T).T


@mutant("computes in float32 inside")
def single_precision_inside(problem, pis):
    h, b = _h(problem).float(), columns(problem, pis).float()
    return solved(problem.replaced(symmetry=None), h.double(), b.double()).to(problem.lam.dtype)


@mutant(
    "symmetry left in: adds a drift along the orbit",
    families=("linear_representation", "prototypes"),
)
def drifts_along_the_symmetry(problem, pis):
    return truth(problem, pis) + 0.1 * problem.tangent().sum(1)


@mutant("damping added twice")
def damping_twice(problem, pis, damping=0.0):
    h = _h(problem) + 2 * damping * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("damping relative to the mean eigenvalue, undeclared")
def relative_damping(problem, pis, damping=0.0):
    h = _h(problem)
    h = h + damping * torch.diag(h).mean() * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("ranks by gradient norm noise, sold as a ranking", accuracy="rank", kinds=("task", "query"))
def random_ranking(problem, pis):
    keys = [hash((str(p), round(float(problem.lam[0]), 9))) % 9973 for p in pis]
    scale = torch.tensor(keys, dtype=problem.lam.dtype)
    return scale[:, None] * torch.ones_like(problem.lam)


@mutant("evaluated a little away from lam*")
def away_from_the_optimum(problem, pis):
    return truth(problem.replaced(lam=problem.lam + 1e-3), pis)


@mutant("tries subsets of tasks: hopeless beyond a few")
def exponential_cost(problem, pis):
    if problem.tasks.n_tasks > 16:
        time.sleep(8)  # stands for 2^32 of them
    return truth(problem, pis)
