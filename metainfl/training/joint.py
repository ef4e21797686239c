"""Joint derivatives of one batch's loss in lam and in the weights of everything in the batch.

    L(lam, w, u, v) = sum_{i in B} w_i L_O^i(lam; u_i, v_i)
One step of the adjoint, and one of the tangent, is one product with the Hessian of L in all of these:
    adjoint   along (g_bar, 0, 0, 0), read off in every variable: H g_bar, and beside it the directional
              derivatives D L_i . g_bar and their derivatives in the instance weights
    tangent   along (d lam, d w, d u, d v), read off in lam: the change of the gradient
Two orders of differentiation, as for products at a minimiser (`derive.plan`): "reverse" keeps the graph of
the gradient and pulls directions back through it, "forward" pushes them forward through the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.derive.batching import over_tasks
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack
from metainfl.operations.forward import jvp

#: variable -> value, or rows (m, ...) of directions; "lam", "task_weight" or a field of `TaskView`
Variables = dict[str, Tensor]


def variables(lam: Tensor, stack: Stack, names: Sequence[str]) -> Variables:
    """The values of the named variables."""
    own = {"lam": lam, "task_weight": stack.w}
    return {n: own[n] if n in own else getattr(stack.view, n) for n in names}


def loss(problem: Problem, at: Variables, lam: Tensor, stack: Stack) -> Tensor:
    """L, a scalar, with the variables `at` in place of their values."""
    inner = {n: t for n, t in at.items() if n not in ("lam", "task_weight")}
    here, w = at.get("lam", lam), at.get("task_weight", stack.w)
    rows = over_tasks(
        lambda task, own: problem.task_loss(here, task, own),
        stack.view._replace(**inner),
        stack.state,
    )
    return w @ rows


def gradient(problem: Problem, lam: Tensor, stack: Stack) -> tuple[Tensor, Tensor]:
    """L and its gradient in lam (p,)."""
    with torch.enable_grad():
        at = lam.detach().clone().requires_grad_()
        value = loss(problem, {"lam": at}, lam, stack)
        if not value.requires_grad:  # lam is not read at all
            return value.detach(), torch.zeros_like(lam)
        return value.detach(), torch.autograd.grad(value, at)[0]


class Reverse:
    """The gradient in `moved`, with its graph down to `read`."""

    def __init__(
        self, problem: Problem, lam: Tensor, stack: Stack, moved: Sequence[str], read: Sequence[str]
    ) -> None:
        names = dict.fromkeys([*moved, *read])
        with torch.enable_grad():
            values = variables(lam, stack, list(names))
            self.at = {n: t.detach().clone().requires_grad_() for n, t in values.items()}
            value = loss(problem, self.at, lam, stack)
            found = torch.autograd.grad(
                value, [self.at[n] for n in moved], create_graph=True, materialize_grads=True
            )
        self.slopes = dict(zip(moved, found, strict=True))
        self.read = read

    def product(self, directions: Variables, width: int) -> Variables:
        """Rows of the Hessian along rows of directions in `moved`, read off in `read`."""
        live = [n for n in directions if self.slopes[n].requires_grad]
        inputs = [self.at[n] for n in self.read]
        rows = tuple(directions[n] for n in live)
        if not live:
            m = len(next(iter(directions.values())))
            return {n: x.new_zeros(m, *x.shape) for n, x in zip(self.read, inputs, strict=True)}

        def one(*v: Tensor) -> tuple[Tensor, ...]:
            slopes = [self.slopes[n] for n in live]
            return torch.autograd.grad(slopes, inputs, v, retain_graph=True, materialize_grads=True)

        if width == 1 or len(rows[0]) == 1:
            each = [one(*v) for v in zip(*rows, strict=True)]
            found: Sequence[Tensor] = [torch.stack(t) for t in zip(*each, strict=True)]
        else:  # torch.func's vmap: solves inside an adaptation bring their own rule for it
            found = vmap(one, chunk_size=width)(*rows)
        return {n: t.detach() for n, t in zip(self.read, found, strict=True)}


class Forward:
    """The same products, forward over reverse; nothing is kept."""

    def __init__(
        self, problem: Problem, lam: Tensor, stack: Stack, moved: Sequence[str], read: Sequence[str]
    ) -> None:
        self.problem, self.lam, self.stack, self.read = problem, lam, stack, read

    def product(self, directions: Variables, width: int) -> Variables:
        """As `Reverse.product`."""
        names = list(directions)
        values = variables(self.lam, self.stack, [*dict.fromkeys([*names, *self.read])])

        def slope(*moved: Tensor) -> Variables:
            at = {**values, **dict(zip(names, moved, strict=True))}
            read = {n: at[n] for n in self.read}
            rest = {n: t for n, t in at.items() if n not in read}

            def value(x: Variables) -> Tensor:
                return loss(self.problem, {**rest, **x}, self.lam, self.stack)

            found: Variables = grad(value)(read)
            return found

        given = tuple(values[n] for n in names)

        def one(*v: Tensor) -> Variables:
            found: Variables = jvp(slope, given, v)[1]
            return found

        rows = tuple(directions[n] for n in names)
        if len(rows[0]) == 1:
            return {n: t.detach()[None] for n, t in one(*(r[0] for r in rows)).items()}
        return {n: t.detach() for n, t in vmap(one, chunk_size=width)(*rows).items()}
