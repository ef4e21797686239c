"""Derivatives of the meta-objective over all tasks, and its minimiser.

    F(lam) = sum_i w_i L_O^i(lam, theta_i(lam)) + (outer_reg/2) |lam|^2          (see `definition`)

The loss of one task is differentiated by `torch.func` and batched over tasks; there is no Python loop
over tasks unless that is the faster way, only over chunks of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.batching import over_tasks
from metainfl.derive.plan import SMALL, Plan, measured, unmeasured
from metainfl.derive.product import Graph, fresh, stack_gradient
from metainfl.errors import NotStationary
from metainfl.problem.definition import Definition
from metainfl.problem.tasks import Tasks, TaskView

IN_FLIGHT = 2**30  # bytes of the graphs that vectors differentiated together stand for


class Problem(Definition):
    """A bilevel problem: its arguments are those of `Definition`.

    A few tasks are differentiated at a time, so memory does not grow with their number.
    """

    # -- stacks of tasks -----------------------------------------------------------------------
    def chunks(
        self, lam: Tensor, tasks: Tasks | None = None, *, size: int | None = None, skip: int = 0
    ) -> Iterator[tuple[TaskView, Tensor, Any]]:
        """Stacks of at most `size` (default `chunk`) tasks, their weights and prepared adaptation
        state, from task `skip` on.
        """
        own = tasks is None or tasks is self.tasks
        tasks = self.tasks if tasks is None else tasks
        size = size or self.chunk
        whole = own and lam is self._lam and tasks.n_tasks <= size and not skip
        for start in range(skip, tasks.n_tasks, size):
            stop = min(start + size, tasks.n_tasks)
            view = TaskView(*(t[start:stop] for t in tasks.view()))
            if whole and self._state is not None and self._state[0] is lam:
                state = self._state[1]
            else:
                state = self.adaptation.prepare(self.setting, lam, view)
            if whole:  # kept for lam where influences are taken; elsewhere it is made and dropped
                self._state = (lam, state)
            yield view, tasks.w[start:stop], state

    @property
    def plan(self) -> Plan:
        """How Hessian products are computed: order of differentiation and tasks at a time."""
        return self._plan or unmeasured(self.n_meta, self.product, self.asked_chunk)

    def settle(self, lam: Tensor) -> None:
        """Measure the plan at lam, if the problem is large, leaves a choice and was not measured."""
        open_ = self.product == "auto" or self.asked_chunk is None
        if self._plan is None and open_ and self.n_meta > SMALL:
            self._plan = measured(self, lam)
            if math.isfinite(self._plan.bytes_a_task):
                self._graph_bytes = max(1, int(self._plan.bytes_a_task))

    @property
    def chunk(self) -> int:
        """Tasks differentiated at a time."""
        return self.plan.chunk

    @property
    def product_mode(self) -> str:
        """The order of differentiation of a single product."""
        return self.plan.mode

    def columns_at_once(self, n_tasks: int, lam: Tensor) -> int:
        """Vectors differentiated together with `n_tasks` tasks: bounds what is in flight."""
        most = max(1, 4096 // n_tasks)
        if self.n_meta <= SMALL:
            return most
        if self._graph_bytes is None:
            stack = next(self.chunks(lam, self.tasks.select([0])))
            self._graph_bytes = max(1, Graph(self, lam, stack).bytes())
        return min(most, max(1, IN_FLIGHT // (self._graph_bytes * n_tasks)))

    # -- all tasks -----------------------------------------------------------------------------
    def losses(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """L_O of each task (T,)."""

        def one(task: TaskView, state: Any) -> Tensor:
            return self.task_loss(lam, task, state)

        return torch.cat([over_tasks(one, v, s) for v, _, s in self.chunks(lam, tasks)]).detach()

    def objective(self, lam: Tensor) -> Tensor:
        """F, a scalar."""
        return (self.tasks.w * self.losses(lam)).sum() + 0.5 * self.outer_reg * lam.square().sum()

    def task_gradients(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """D L_O of each task, through its adaptation (T, p)."""
        return torch.cat([slopes for slopes, _ in self._slopes(lam, tasks)])

    def _slopes(self, lam: Tensor, tasks: Tasks | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The same a stack at a time, with the weights."""

        def one(task: TaskView, state: Any) -> Tensor:
            slope: Tensor = grad(self.task_loss)(lam, task, state)
            return slope

        for view, w, state in self.chunks(lam, tasks):
            yield over_tasks(one, view, state).detach(), w

    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        total = self.outer_reg * lam
        for stack in self.chunks(lam):
            total = total + stack_gradient(self, lam, stack)[0]
        return total

    def hessian_product(self, lam: Tensor, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k): second order through the adaptation, outer_reg included.

        For many products at problem.lam take `metainfl.curvature.exact`, which keeps what they share.
        """
        self.settle(lam)
        return fresh(self, lam, vectors)

    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p), symmetrised."""
        from metainfl.derive.linear_model import applies, linear_hessian

        if applies(self):
            return linear_hessian(self, lam)
        h = self.hessian_product(lam, torch.eye(self.n_meta, dtype=lam.dtype, device=lam.device))
        return 0.5 * (h + h.T)

    # -- the minimiser -------------------------------------------------------------------------
    def residual(self, lam: Tensor) -> float:
        """|grad F| relative to the sizes of the terms it is a sum of."""
        total, scale = self.outer_reg * lam, self.outer_reg * lam.norm()
        for slopes, w in self._slopes(lam, None):
            total, scale = total + w @ slopes, scale + w @ slopes.norm(dim=1)
        return float(total.norm() / scale) if scale > 0 else 0.0

    def check_stationary(self, tolerance: float | None = None) -> float:
        """The residual at lam; raises `NotStationary` above the tolerance (eps^(5/8) by default).

        The implicit function theorem holds at stationary points. eps^(5/8) is 2e-10 in float64 and
        5e-5 in float32: what a good solver reaches with room to spare, far below any influence.
        """
        if tolerance is None:
            tolerance = torch.finfo(self.lam.dtype).eps ** 0.625
        residual = self.residual(self.lam)
        if not residual <= tolerance:
            raise NotStationary(
                f"lam is not stationary: relative gradient {residual:.3g} exceeds {tolerance:.3g}. "
                "Train longer, call problem.solve(), or pass allow_nonstationary=True and read the "
                "result as an approximation."
            )
        return residual

    def solve(self, start: Tensor | None = None, **options: Any) -> Tensor:
        """Minimise F by Newton from `start` (default: lam if set, else zeros); sets and returns lam."""
        from metainfl.derive.minimise import newton

        if start is None:
            start = (
                self._lam if self._lam is not None else self.tasks.query_x.new_zeros(self.n_meta)
            )
        self.lam = newton(self, self._checked(start), **options)
        return self.lam
