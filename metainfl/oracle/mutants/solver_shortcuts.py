"""Solver shortcuts: exact where the Hessian is kind, wrong where it is not; and slips inside solvers."""

from typing import Any

import torch

from metainfl.methods.claim import Claim
from metainfl.oracle.mutants.parts import columns, eye, solved, truth
from metainfl.oracle.mutants.registry import MUTANTS, Specimen, mutant

CONVEX = ("single_ridge", "single_softmax", "proximal_softmax", "maml_linear", "maml_softmax")


def _pieces(problem: Any, pis: Any) -> Any:
    return problem.hessian(problem.lam), columns(problem, pis).T


def _filtered(problem, pis, response):
    """-V g(l) V' b with l above what the symmetry leaves at zero."""
    h, b = _pieces(problem, pis)
    values, v = torch.linalg.eigh(h)
    keep = values > 1e-9 * values[-1]
    values, v = values[keep], v[:, keep]
    return -(v @ (response(values)[:, None] * (v.T @ b))).T


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


RESPONSES = {
    "pseudo_inverse_1e_4": ("pseudo-inverse that drops below 1e-4 of the largest",
                            lambda v: torch.where(v > 1e-4 * v[-1], 1 / v, 0 * v)),
    "pseudo_inverse_1e_5": ("pseudo-inverse that drops below 1e-5 of the largest",
                            lambda v: torch.where(v > 1e-5 * v[-1], 1 / v, 0 * v)),
    "eigenvalue_floor_1e_3": ("eigenvalues floored at 1e-3 of the largest",
                              lambda v: 1 / v.clamp_min(1e-3 * float(v[-1]))),
    "eigenvalue_floor_1e_5": ("eigenvalues floored at 1e-5 of the largest",
                              lambda v: 1 / v.clamp_min(1e-5 * float(v[-1]))),
    "floor_absolute": ("eigenvalues floored at one", lambda v: 1 / v.clamp_min(1.0)),
    "floor_tenth": ("eigenvalues floored at a tenth", lambda v: 1 / v.clamp_min(0.1)),
    "largest_dropped": ("the largest eigenvalue dropped",
                        lambda v: torch.cat([1 / v[:-1], 0 * v[-1:]])),
    "smallest_dropped": ("the smallest eigenvalue dropped",
                         lambda v: torch.cat([0 * v[:1], 1 / v[1:]])),
    "two_smallest_dropped": ("the two smallest eigenvalues dropped",
                             lambda v: torch.cat([0 * v[:2], 1 / v[2:]])),
    "inverse_twice": ("the inverse applied twice", lambda v: 1 / v**2),
    "inverse_root": ("the inverse square root", lambda v: v**-0.5),
    "hessian_for_inverse": ("the Hessian in place of its inverse", lambda v: v),
    "mean_eigenvalue": ("the mean eigenvalue for all", lambda v: 0 * v + 1 / v.mean()),
    "largest_eigenvalue": ("the largest eigenvalue for all", lambda v: 0 * v + 1 / v[-1]),
    "damped_1e_8": ("a damping of 1e-8", lambda v: 1 / (v + 1e-8)),
    "damped_1e_6": ("a damping of 1e-6", lambda v: 1 / (v + 1e-6)),
    "damped_1e_4": ("a damping of 1e-4", lambda v: 1 / (v + 1e-4)),
    "damped_tenth": ("a damping of a tenth", lambda v: 1 / (v + 0.1)),
    "damped_one": ("a damping of one", lambda v: 1 / (v + 1)),
    "damped_relative": ("a damping of a hundredth of the mean eigenvalue",
                        lambda v: 1 / (v + 0.01 * v.mean())),
    "tikhonov": ("l / (l^2 + 1e-4)", lambda v: v / (v**2 + 1e-4)),
    "negative_damping": ("a damping with the wrong sign", lambda v: 1 / (v - 1e-3)),
    "neumann_5": ("five terms of a scaled series", lambda v: (1 - (1 - v / v[-1]) ** 5) / v),
    "neumann_50": ("fifty terms of a scaled series", lambda v: (1 - (1 - v / v[-1]) ** 50) / v),
    "neumann_500": ("five hundred terms of a scaled series",
                    lambda v: (1 - (1 - v / v[-1]) ** 500) / v),
    "neumann_half_scale": ("a hundred terms at half the scale",
                           lambda v: (1 - (1 - 0.5 * v / v[-1]) ** 100) / v),
    "series_off_by_one": ("a converged series that leaves its first term out",
                          lambda v: 1 / v - 1 / v[-1]),
    "newton_schulz_4": ("four Newton-Schulz steps", lambda v: (1 - (1 - v / v[-1]) ** 16) / v),
    "landweber": ("gradient descent on the residual, a thousand steps at a tenth",
                  lambda v: (1 - (1 - 0.1 * v / v[-1]) ** 1000) / v),
    "clipped_answer": ("responses clipped at twice the median",
                       lambda v: (1 / v).clamp_max(2 / float(v.median()))),
}  # fmt: skip


def _respond(response):
    def method(problem, pis):
        return _filtered(problem, pis, response)

    return method


for _name, (_defect, _response) in RESPONSES.items():
    _method = _respond(_response)
    _method.__name__ = _name
    MUTANTS[_name] = Specimen(_name, _method, Claim(), _defect)


@mutant("CG to a residual of 1e-3", families=CONVEX)
def loose_cg_1e_3(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-3, 200)


@mutant("CG to a residual of 1e-6", families=CONVEX)
def loose_cg_1e_6(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-6, 200)


@mutant("CG of at most four iterations", families=CONVEX)
def cg_four(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-15, 4)


@mutant("CG of a single iteration", families=CONVEX)
def cg_one(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-15, 1)


@mutant("CG whose first step is half as long", families=CONVEX)
def cg_wrong_first_step(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-15, 5, lambda s, k: s / 2 if k == 0 else s)


@mutant("CG with steps a tenth too short", families=CONVEX)
def cg_short_steps(problem, pis):
    h, b = _pieces(problem, pis)
    return _cg(h, b, 1e-15, 6, lambda s, k: 0.9 * s)


@mutant("CG that stops when the first right-hand side is done", families=CONVEX)
def cg_first_column_decides(problem, pis):
    h, b = _pieces(problem, pis)
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
    h, b = _pieces(problem, pis)
    d = 2 * h.abs().sum(1, keepdim=True)
    x = b / d
    for _ in range(10):
        x = x + (b - h @ x) / d
    return -x.T


@mutant("block-diagonal Hessian, blocks of two")
def block_diagonal(problem, pis):
    h, b = _pieces(problem, pis)
    index = torch.arange(len(h)) // 2
    return solved(problem.replaced(symmetry=None), h * (index[:, None] == index[None]), b.T)


@mutant("upper triangle of the Hessian only", families=CONVEX)
def upper_triangle(problem, pis):
    h, b = _pieces(problem, pis)
    return -torch.linalg.solve(torch.triu(h), b).T


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


@mutant("regulariser's gradient counted in the right-hand side of a task", kinds=("task",))
def regulariser_in_the_rhs(problem, pis):
    b = columns(problem, pis) + problem.outer_reg * problem.lam
    return solved(problem, problem.hessian(problem.lam), b)


@mutant("a share of the regulariser in each task's gradient", kinds=("task",))
def share_of_the_regulariser(problem, pis):
    b = columns(problem, pis) + problem.outer_reg * problem.lam / problem.tasks.n_tasks
    return solved(problem, problem.hessian(problem.lam), b)


@mutant("regulariser's share in H: outer_reg once a task")
def regulariser_once_a_task(problem, pis):
    h = problem.hessian(problem.lam) + (problem.tasks.n_tasks - 1) * problem.outer_reg * eye(
        problem
    )
    return solved(problem, h, columns(problem, pis))


@mutant("the task weight counted twice for instances", kinds=("support", "query"))
def task_weight_twice(problem, pis):
    return truth(problem, pis) * problem.tasks.w[[p.task for p in pis]][:, None]


@mutant("an effect: each row times its own weight", kinds=("task",))
def times_its_own_weight(problem, pis):
    return truth(problem, pis) * problem.tasks.w[[p.task for p in pis]][:, None]


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


for _factor in (3.0, -2.0, 0.1, 1 + 1e-6, 1 - 1e-8):

    def _scaled(problem, pis, factor=_factor):
        return factor * truth(problem, pis)

    _label = f"scaled_{_factor:.9g}".replace(".", "_").replace("-", "minus_")
    _scaled.__name__ = _label
    MUTANTS[_label] = Specimen(_label, _scaled, Claim(), f"a factor of {_factor:.9g}")
