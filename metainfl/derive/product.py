"""Products with the total Hessian: second order through the adaptation, no third-order tensor.

    fresh   everything is computed for this one product: forward over reverse, or reverse over reverse
    Graph   the gradient of a stack with its graph, which a product is one pass back through
Which order of differentiation and how many tasks at a time is the plan's business. For many products at one
lam see `metainfl.derive.tape`.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.batching import in_python, over_tasks, saved_bytes
from metainfl.derive.cores import cores, side_by_side
from metainfl.derive.loop import total
from metainfl.derive.plan import Plan
from metainfl.derive.stacks import Stack
from metainfl.derive.vectors import rows_of
from metainfl.operations.forward import jvp
from metainfl.problem import Definition, TaskView


def stack_loss(problem: Definition, at: Tensor, stack: Stack) -> Tensor:
    """sum_i w_i L_O^i over the tasks of a stack, a scalar."""

    def one(task: TaskView, own: Any) -> Tensor:
        return problem.task_loss(at, task, own)

    return stack.w @ over_tasks(one, stack.view, stack.state)


def stack_gradient(
    problem: Definition, lam: Tensor, stack: Stack, *, graph: bool = False
) -> tuple[Tensor, Tensor]:
    """The gradient (p,) of a stack's loss, and the leaf it was taken in; with its own graph or without."""
    with torch.enable_grad():
        at = lam.detach().clone().requires_grad_()
        loss = stack_loss(problem, at, stack)
        if not loss.requires_grad:  # lam is not read at all
            return torch.zeros_like(lam), at
        return torch.autograd.grad(loss, at, create_graph=graph, materialize_grads=True)[0], at


class Graph:
    """The gradient of one stack with the graph behind it, pulled back as often as wanted."""

    def __init__(self, problem: Definition, lam: Tensor, stack: Stack) -> None:
        self.gradient, self.at = stack_gradient(problem, lam, stack, graph=True)
        self.n_tasks = len(stack.w)

    @cached_property
    def own_code(self) -> bool:
        """Whether a function of the user's is in it."""
        return in_python(self.gradient)

    def bytes(self) -> int:
        """What keeping it costs."""
        return saved_bytes(self.gradient)

    def pull(self, rows: Tensor, width: int, beside: int = 1) -> Tensor:
        """H v for rows v (k, p), `width` of them in one pass, and so many passes `beside` one another: one at
        a time where a function of the user's is in the graph.
        """
        if not self.gradient.requires_grad:  # the loss is affine in lam
            return torch.zeros_like(rows)

        def one(v: Tensor) -> Tensor:
            return torch.autograd.grad(
                self.gradient, self.at, v, retain_graph=True, materialize_grads=True
            )[0]

        def some(rows: Tensor) -> Tensor:
            return one(rows[0])[None] if len(rows) == 1 else vmap(one)(rows)

        passes = [partial(some, part) for part in rows.split(width)]
        if len(passes) > 1 and beside > 1 and self.own_code:
            beside = 1
        return torch.cat(list(side_by_side(passes, beside)))


def stack_product(
    problem: Definition, lam: Tensor, rows: Tensor, stack: Stack, plan: Plan
) -> Tensor:
    """H v for rows v (k, p) and one stack, computed afresh in the planned order."""
    n = len(stack.w)
    if plan.mode == "forward":
        return forward_product(problem, lam, rows, stack, plan.width(n))
    return Graph(problem, lam, stack).pull(rows, plan.width(n), plan.passes(n, cores(lam)))


def forward_product(
    problem: Definition, lam: Tensor, rows: Tensor, stack: Stack, width: int
) -> Tensor:
    """The same, forward over reverse, `width` vectors in one pass."""

    def loss(at: Tensor) -> Tensor:
        return stack_loss(problem, at, stack)

    def one(v: Tensor) -> Tensor:
        return jvp(grad(loss), (lam,), (v,))[1]

    if len(rows) == 1:
        return one(rows[0])[None]
    found: Tensor = vmap(one, chunk_size=width)(rows)
    return found


def fresh(problem: Definition, lam: Tensor, vectors: Tensor, plan: Plan) -> Tensor:
    """H V for V (p,) or (p, k), outer_reg included."""
    if not vectors.numel():
        return vectors.clone()
    rows = rows_of(vectors)

    def product(stack: Stack) -> Tensor:
        return stack_product(problem, lam, rows, stack, plan)

    found = total(problem, lam, product, problem.outer_reg * rows, size=plan.chunk, of=(rows,))
    return found.T.reshape(vectors.shape)
