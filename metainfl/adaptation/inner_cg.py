"""x = H_in^{-1} b for a stack of tasks by CG, as an operation that torch can differentiate.

H_in is held at theta*, so the map is linear and symmetric in b: its derivative, forward or reverse, is
the same solve again. No matrix is formed; memory is a few vectors a task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.errors import NotConverged, SingularHessian
from metainfl.problem.tasks import TaskView

#: L_I as a function of (theta, lam, task)
Inner = Callable[[Tensor, Tensor, TaskView], Tensor]


def products(
    inner: Inner, theta: Tensor, lam: Tensor | None, tasks: TaskView
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Inner gradients (N, q) at theta, and v -> H_in v for rows v (N, q), one pass back through their graph.

    Tasks do not mix, so the derivative of the sum over tasks holds every task's own. H_in does not depend
    on lam; the gradient is of no use where lam is not given.
    """
    with torch.enable_grad():
        at = theta.detach().clone().requires_grad_()
        if lam is None:
            losses = vmap(lambda th, t: inner(th, th.detach(), t))(at, tasks)
        else:
            losses = vmap(lambda th, t: inner(th, lam, t))(at, tasks)
        g = torch.autograd.grad(losses.sum(), at, create_graph=True)[0]

    def product(v: Tensor) -> Tensor:
        return torch.autograd.grad(g, at, v, retain_graph=True)[0]

    return g.detach(), product


class InnerSolve(torch.autograd.Function):
    """apply(b (N, q), theta (N, q), inner, rtol, *task fields (N, ...)) -> (N, q)."""

    @staticmethod
    def forward(b: Tensor, theta: Tensor, inner: Inner, rtol: float, *fields: Tensor) -> Tensor:
        """The solve."""
        product = products(inner, theta, None, TaskView(*fields))[1]
        return stacked_cg(product, b, rtol)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Everything but b is kept for the derivatives."""
        _, theta, ctx.inner, ctx.rtol, *fields = inputs
        ctx.save_for_backward(theta, *fields)
        ctx.save_for_forward(theta, *fields)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Any, ...]:
        """H_in^{-1} is symmetric."""
        theta, *fields = ctx.saved_tensors
        x = InnerSolve.apply(slope, theta, ctx.inner, ctx.rtol, *fields)
        return (x, None, None, None, *(None for _ in fields))

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *others: Any) -> Tensor:
        """... and linear."""
        theta, *fields = ctx.saved_tensors
        return InnerSolve.apply(tangent, theta, ctx.inner, ctx.rtol, *fields)

    @staticmethod
    def vmap(
        info: Any,
        dims: tuple[Any, ...],
        b: Tensor,
        theta: Tensor,
        inner: Inner,
        rtol: float,
        *fields: Tensor,
    ) -> tuple[Tensor, int]:
        """A new batch dimension joins the tasks: one stack, one CG."""
        size, n = info.batch_size, b.shape[0] if dims[0] is None else b.movedim(dims[0], 0).shape[1]

        def joined(t: Tensor, dim: int | None) -> Tensor:
            t = t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)
            return t.reshape(size * n, *t.shape[2:])

        x = InnerSolve.apply(
            joined(b, dims[0]),
            joined(theta, dims[1]),
            inner,
            rtol,
            *(joined(f, d) for f, d in zip(fields, dims[4:], strict=True)),
        )
        return x.reshape(size, n, *x.shape[1:]), 0


def stacked_cg(product: Callable[[Tensor], Tensor], b: Tensor, rtol: float) -> Tensor:
    """Rows x_i with A_i x_i = b_i (N, q), each its own recurrence; those that are done stand still."""
    x, r, d = torch.zeros_like(b), b, b
    rr = (r * r).sum(1)
    goal = rtol * rtol * rr
    limit = 10 * b.shape[1] + 10
    for _ in range(min(limit, 2000)):
        live = rr > goal
        if not bool(live.any()):
            return x
        ad = product(d)
        curvature = (d * ad).sum(1)
        if bool((curvature[live] <= 0).any()):
            raise SingularHessian("an inner Hessian is not positive definite; raise inner_reg")
        step = torch.where(
            live, rr / curvature.where(live, torch.ones_like(rr)), torch.zeros_like(rr)
        )
        x, r = x + step[:, None] * d, r - step[:, None] * ad
        new = (r * r).sum(1)
        ratio = torch.where(live, new / rr.where(live, torch.ones_like(rr)), torch.zeros_like(rr))
        d, rr = r + ratio[:, None] * d, torch.where(live, new, rr)
    if bool((rr > goal).any()):
        raise NotConverged(
            f"CG on an inner Hessian stopped at relative residual "
            f"{float((rr / goal).max()) ** 0.5 * rtol:.2g} (wanted {rtol:.1g}); raise inner_reg, or "
            "loosen rtol"
        )
    return x
