"""The inner problems of a stack of tasks, minimised together: Newton's method made global.

Far from a solution an inner Hessian may be indefinite (any network with a hidden layer). Directions are
then those of H + m I with the smallest m of a doubling sequence that makes it positive definite
(`levenberg`), or of conjugate gradients stopped at negative curvature (`truncated`); both descend, and a
backtracking step length does the rest. Close by, both are Newton's own, and convergence is quadratic.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import NotConverged, NotFinite
from metainfl.problem.failing import of_stack

#: (theta (N, q)) -> gradient (N, q) and a descent direction (N, q)
Direction = Callable[[Tensor], tuple[Tensor, Tensor]]
Values = Callable[[Tensor], Tensor]


def minimised(
    value: Values, direction: Direction, theta: Tensor, max_steps: int, who: str
) -> Tensor:
    """theta* (N, q), to the rounding of the gradient; `who` is asked for more steps in an error."""
    eps = torch.finfo(theta.dtype).eps
    best = torch.full_like(theta[:, 0], math.inf)
    for _ in range(max_steps):
        g, step = direction(theta)
        size = step.norm(dim=1) / (1 + theta.norm(dim=1))
        if not torch.isfinite(size).all():
            bad = int((~torch.isfinite(size)).nonzero()[0])
            error = NotFinite(
                f"the inner problem of task {bad} of its stack is not finite: look at its support set",
                quantity="inner gradient",
                task=bad,
            )
            raise of_stack(error, bad)
        fine = (size <= 8 * eps) | ((size < eps**0.5) & (size >= best))
        if fine.all():
            return theta
        best = torch.minimum(best, size)
        theta = theta + _lengths(value, theta, step, g)[:, None] * step
    worst = int(size.argmax())
    unfinished = NotConverged(
        f"the inner problem of task {worst} of its stack did not converge in {max_steps} Newton steps "
        f"(relative step {float(size[worst]):.2g}); raise inner_reg, pass {who}(max_steps=...), or adapt "
        "by a fixed number of gradient steps (Unrolled)"
    )
    raise of_stack(unfinished, worst)


def _lengths(value: Values, theta: Tensor, step: Tensor, g: Tensor) -> Tensor:
    """Armijo step lengths (N,), halved task by task."""
    length = torch.ones_like(theta[:, 0])
    here, slope = value(theta), (g * step).sum(1)
    noise = 16 * torch.finfo(theta.dtype).eps * (1 + here.abs())
    for _ in range(30):
        there = value(theta + length[:, None] * step)
        bad = ~(there <= here + 1e-4 * length * slope + noise)
        if not bad.any():
            break
        length = torch.where(bad, length / 2, length)
    return length


def levenberg(hessian: Tensor, g: Tensor) -> Tensor:
    """-(H + m I)^{-1} g for each task (N, q), m = 0 where H (N, q, q) is positive definite."""
    size = hessian.diagonal(dim1=1, dim2=2).abs().amax(1)
    eye = torch.eye(g.shape[1], dtype=g.dtype, device=g.device)
    shift = torch.zeros_like(size)
    for _ in range(60):
        factor, failed = torch.linalg.cholesky_ex(hessian + shift[:, None, None] * eye)
        if not failed.any():
            break
        shift = torch.where(failed > 0, torch.maximum(4 * shift, 1e-3 * size), shift)
    return -torch.cholesky_solve(g[:, :, None], factor)[:, :, 0]


def truncated(product: Callable[[Tensor], Tensor], g: Tensor, rtol: Tensor) -> Tensor:
    """Directions d (N, q) with H d ~ -g to a residual of rtol (N,) times |g|.

    A task whose H shows negative curvature keeps what it had, or takes -g: descent either way.
    """
    d, r = torch.zeros_like(g), -g
    p, rr = r, (r * r).sum(1)
    live, goal = rr > 0, rtol.square() * rr
    for turn in range(min(2 * g.shape[1] + 10, 1000)):
        if not bool(live.any()):
            break
        hp = product(p)
        curvature = (p * hp).sum(1)
        bent = live & (curvature <= torch.finfo(g.dtype).eps * (p * p).sum(1))
        if turn == 0:
            d = torch.where(bent[:, None], -g, d)
        live = live & ~bent
        step = torch.where(live, rr / curvature.where(live, torch.ones_like(rr)), 0 * rr)
        d, r = d + step[:, None] * p, r - step[:, None] * hp
        new = (r * r).sum(1)
        ratio = torch.where(live, new / rr.where(live, torch.ones_like(rr)), 0 * rr)
        p, rr = r + ratio[:, None] * p, torch.where(live, new, rr)
        live = live & (rr > goal)
    return d
