"""Products with the total Hessian: second order through the adaptation, no third-order tensor.

    fresh   everything is computed for this one product: forward over reverse, or reverse over reverse
    Tape    for many products at one lam, as a solver makes them: the graph of grad F is kept, and a
            product is one pass back through it, for less than two meta-gradients
Which order of differentiation and how many tasks at a time is `Problem.plan`'s business. Memory stays
bounded: a tape keeps up to `Problem.keep` bytes of graphs and computes the other tasks afresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from metainfl.derive.batching import over_tasks, saved_bytes
from metainfl.problem.tasks import TaskView

if TYPE_CHECKING:
    from metainfl.derive.problem import Problem

#: some tasks, their weights (n,) and their prepared adaptation state
Stack = tuple[TaskView, Tensor, Any]


def stack_loss(problem: Problem, at: Tensor, stack: Stack) -> Tensor:
    """sum_i w_i L_O^i over the tasks of a stack, a scalar."""
    view, w, state = stack

    def one(task: TaskView, own: Any) -> Tensor:
        return problem.task_loss(at, task, own)

    return w @ over_tasks(one, view, state)


def stack_gradient(
    problem: Problem, lam: Tensor, stack: Stack, *, graph: bool = False
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

    def __init__(self, problem: Problem, lam: Tensor, stack: Stack) -> None:
        self.gradient, self.at = stack_gradient(problem, lam, stack, graph=True)

    def bytes(self) -> int:
        """What keeping it costs."""
        return saved_bytes(self.gradient)

    def pull(self, rows: Tensor, width: int) -> Tensor:
        """H v for rows v (k, p), `width` of them in one pass."""
        if not self.gradient.requires_grad:  # the loss is affine in lam
            return torch.zeros_like(rows)

        def one(v: Tensor) -> Tensor:
            return torch.autograd.grad(
                self.gradient, self.at, v, retain_graph=True, materialize_grads=True
            )[0]

        if width == 1 or len(rows) == 1:
            return torch.stack([one(v) for v in rows])
        found: Tensor = vmap(one, chunk_size=width)(rows)
        return found


def stack_product(problem: Problem, lam: Tensor, rows: Tensor, stack: Stack) -> Tensor:
    """H v for rows v (k, p) and one stack, computed afresh in the planned order."""
    if problem.product_mode == "forward":
        return forward_product(problem, lam, rows, stack)
    return Graph(problem, lam, stack).pull(rows, problem.columns_at_once(len(stack[1]), lam))


def forward_product(problem: Problem, lam: Tensor, rows: Tensor, stack: Stack) -> Tensor:
    """The same, forward over reverse."""

    def loss(at: Tensor) -> Tensor:
        return stack_loss(problem, at, stack)

    def one(v: Tensor) -> Tensor:
        return jvp(grad(loss), (lam,), (v,))[1]

    if len(rows) == 1:
        return one(rows[0])[None]
    found: Tensor = vmap(one, chunk_size=problem.columns_at_once(len(stack[1]), lam))(rows)
    return found


def fresh(problem: Problem, lam: Tensor, vectors: Tensor) -> Tensor:
    """H V for V (p,) or (p, k), outer_reg included."""
    rows = vectors.reshape(len(vectors), -1).T
    total = problem.outer_reg * rows
    for stack in problem.chunks(lam):
        total = total + stack_product(problem, lam, rows, stack)
    return total.T.reshape(vectors.shape).detach()


class Tape:
    """H at problem.lam, for many products; made at the first one, freed with the object."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.lam = problem, problem.lam
        self.graphs: list[tuple[Graph, int]] | None = None

    def __call__(self, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k)."""
        p = self.problem
        p.settle(self.lam)
        if self.graphs is None:
            self.graphs = self._record(p.plan.kept) if p.plan.kept and p.keep else []
        rows = vectors.reshape(len(vectors), -1).T
        total = p.outer_reg * rows
        for graph, size in self.graphs:
            total = total + graph.pull(rows, p.columns_at_once(size, self.lam))
        done = sum(size for _, size in self.graphs)
        for stack in p.chunks(self.lam, skip=done):
            total = total + stack_product(p, self.lam, rows, stack)
        return total.T.reshape(vectors.shape).detach()

    def _record(self, size: int) -> list[tuple[Graph, int]]:
        """Graphs of the first stacks of `size` tasks, as many as fit into `keep` bytes."""
        graphs: list[tuple[Graph, int]] = []
        each = 0
        for stack in self.problem.chunks(self.lam, size=size):
            if graphs and each * (len(graphs) + 1) > self.problem.keep:
                break
            graph = Graph(self.problem, self.lam, stack)
            each = each or graph.bytes()
            if each > self.problem.keep:
                break
            graphs.append((graph, len(stack[1])))
        return graphs
