"""Gauss-Newton at the meta level (002, eqs 10-11): second derivatives of the outputs left out.

    G = sum_i w_i sum_j v_ij (dy_ij/dlam)' l''(y_ij) (dy_ij/dlam) + outer_reg I,   G = V V' + outer_reg I
The derivative dy/dlam goes through adaptation. Exact where outputs are affine in lam (linear MAML and
proximal ridge). `direct` counts as outputs theta - lam with l'' = direct. Cost of a product: a forward
and a reverse pass a task. V (p, columns) has c columns an instance; rank at most (c - 1) n M for softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jacrev, vjp, vmap

from metainfl.curvature.both_ways import require_both_ways
from metainfl.derive.failure import named
from metainfl.derive.loop import total
from metainfl.derive.problem import Problem
from metainfl.derive.stacks import Stack, stacks, tried
from metainfl.derive.vectors import rows_of
from metainfl.errors import InvalidProblem
from metainfl.kronecker import mass, require_mass
from metainfl.operations.forward import jvp
from metainfl.problem.losses import cross_entropy, squared
from metainfl.problem.tasks import TaskView
from metainfl.solve.operator import SymmetricOperator


def gauss_newton(problem: Problem) -> SymmetricOperator:
    """G at problem.lam, as products."""
    lam = problem.lam
    require_both_ways(problem)

    def one(v: Tensor, task: TaskView, state: Any) -> Tensor:
        def outputs(at: Tensor) -> tuple[Tensor, Tensor]:
            return problem.outputs(at, at, task, state), gap(problem, at, task, state)

        def loss(y: Tensor) -> Tensor:
            return (task.query_weight * problem.outer_loss(y, task.query_y)).sum()

        primals, tangents = jvp(outputs, (lam,), (v,))[:2]
        y, (dy, dr) = primals[0], tangents
        curved = jvp(grad(loss), (y,), (dy,))[1]
        return vjp(outputs, lam)[1]((curved, problem.direct * dr))[0]

    plan = problem.settled(lam)
    tasks = vmap(one, in_dims=(None, 0, 0))

    def apply(vectors: Tensor) -> Tensor:
        rows = rows_of(vectors)

        def product(stack: Stack) -> Tensor:
            each = vmap(tasks, in_dims=(0, None, None))
            width, parts = plan.width(len(stack.w)), []
            for start in range(0, len(rows), width):
                found = each(rows[start : start + width], stack.view, stack.state)
                parts.append(torch.einsum("t,ktp->kp", stack.w, found))
            return torch.cat(parts)

        start = problem.outer_reg * rows
        found = total(problem, lam, product, start, size=plan.chunk, of=(rows,))
        return found.T.reshape(vectors.shape)

    return SymmetricOperator(problem.n_meta, apply, lam, flat=problem.tangent(), low=_low(problem))


def _low(problem: Problem) -> float | None:
    """The regulariser bounds G from below where the loss is known to be convex in the outputs."""
    if problem.outer_loss not in (squared, cross_entropy):
        return None
    if problem.outer_loss is cross_entropy:
        for _, batch in problem.tasks.groups():
            y, w = batch.query_y, batch.view().query_weight
            if y.is_floating_point() and bool(((mass(y) < 0) & (w != 0)).any()):
                return None
    return float(torch.as_tensor(problem.outer_reg, device="cpu").min())


def gap(problem: Problem, lam: Tensor, task: TaskView, state: Any) -> Tensor:
    """theta - lam where the outer loss has a direct term, else nothing."""
    if not problem.direct:
        return lam.new_zeros(0)
    return problem.adapted(lam, task, state) - lam


def factors(problem: Problem) -> Iterator[Tensor]:
    """V task by task, each (p, columns), so that G = sum V V' + outer_reg I (002, eq. 11).

    Squared loss and softmax only: there l'' = L L' is known, L = I and diag(sqrt s) - s sqrt(s)'.
    """
    lam = problem.lam
    if problem.outer_loss not in (squared, cross_entropy):
        raise InvalidProblem("the factored form is written for squared and cross_entropy")

    def one(task: TaskView, state: Any) -> Tensor:
        def outputs(at: Tensor) -> Tensor:
            return problem.outputs(at, at, task, state)

        y, jacobian = outputs(lam), jacrev(outputs)(lam)  # (n, c), (n, c, p)
        root = torch.eye(y.shape[1], dtype=y.dtype, device=y.device).expand(len(y), -1, -1)
        if problem.outer_loss is cross_entropy:
            s = torch.softmax(y, dim=1)
            root = torch.diag_embed(s.sqrt()) - s[:, :, None] * s.sqrt()[:, None, :]
            if task.query_y.is_floating_point():
                root = root * mass(task.query_y).sqrt()[:, None, None]
        v = torch.einsum("ncp,nck,n->pnk", jacobian, root, task.query_weight.sqrt())
        return v.reshape(len(lam), -1)

    def pull(task: TaskView, state: Any) -> Tensor:
        return jacrev(lambda at: gap(problem, at, task, state))(lam).T * problem.direct**0.5

    for _, batch in problem.tasks.groups():
        require_mass(problem.outer_loss, batch.query_y, batch.view().query_weight)
    for stack in stacks(problem, lam, size=problem.plan.chunk):
        with named(tried(problem, lam, stack)):
            found = [vmap(one)(stack.view, stack.state)]
            found += [vmap(pull)(stack.view, stack.state)] if problem.direct else []
        for weight, *blocks in zip(stack.w, *found, strict=True):
            yield weight.sqrt() * torch.cat(blocks, dim=1).detach()


def outer(columns: Iterable[Tensor]) -> Tensor:
    """V V' (p, p) of blocks of columns (p, n_i), such as `factors` gives, about p columns in one product."""
    found: Tensor | None = None
    held: list[Tensor] = []
    for block in columns:
        held.append(block)
        if sum(b.shape[1] for b in held) >= len(block):
            found, held = _squared(held) + (0 if found is None else found), []
    if held:
        found = _squared(held) + (0 if found is None else found)
    if found is None:
        raise InvalidProblem("there are no columns to sum: give at least one block (p, n)")
    return found


def _squared(blocks: list[Tensor]) -> Tensor:
    v = torch.cat(blocks, dim=1)
    return v @ v.T
