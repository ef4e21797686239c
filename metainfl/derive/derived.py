"""A bilevel problem with its derivatives over all tasks.

    F(lam) = sum_i w_i L_O^i(lam, theta_i(lam)) + (outer_reg/2) |lam|^2          (see `Definition`)

The loss of one task is differentiated by `torch.func` and batched over tasks (`loop`); there is no Python
loop over tasks unless that is the faster way, only over stacks of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.finite import finite_rows, finite_vector
from metainfl.derive.linear_model import applies, linear_hessian
from metainfl.derive.loop import each, total
from metainfl.derive.measure import measured, weight_of_a_graph, works
from metainfl.derive.plan import SMALL, Plan, unmeasured
from metainfl.derive.product import fresh, stack_gradient
from metainfl.derive.stacks import Stack
from metainfl.derive.stationary import require_stationary, standing
from metainfl.derive.tape import Tape
from metainfl.derive.vectors import multiplied
from metainfl.errors import NotFinite
from metainfl.problem import Definition, Tasks, TaskView
from metainfl.problem.steady import of_steady_parts, steadily


class Derived(Definition):
    """A bilevel problem with its derivatives: its arguments are those of `Definition`.

    A few tasks are differentiated at a time, so memory does not grow with their number.
    """

    _plan: Plan | None = None
    #: gradients were compared with differences here (`preflight`), or need not be
    derivatives_hold: bool = False
    #: `solve` has looked at the derivatives where it began
    start_looked_at: bool = False

    @cached_property
    def slopes_hold(self) -> set[str]:
        """Digests of the lam and tasks where losses' slopes were compared with differences (`preflight`)."""
        return set()

    # -- how ---------------------------------------------------------------------------------------
    @property
    def plan(self) -> Plan:
        """How Hessian products are computed: order of differentiation and tasks at a time."""
        return self._plan or unmeasured(self.n_meta, self.product, self.asked_chunk)

    def settled(self, lam: Tensor) -> Plan:
        """The plan, measured at lam where the problem is large, or where torch cannot do what small ones
        do unmeasured; once.
        """
        if self._plan is None and self.n_meta > SMALL:
            if self.product == "auto" or self.asked_chunk is None:
                self._plan = measured(self, lam)
            else:
                self._plan = replace(self.plan, bytes_a_task=weight_of_a_graph(self, lam))
        elif self._plan is None:
            self._plan = self.plan if works(self, lam, self.plan) else measured(self, lam)
        return self.plan

    def replaced(self, **changes: Any) -> Self:
        """The same problem with other tasks, adaptation, lam, ...; measured once for all of a shape."""
        other = super().replaced(**changes)
        parts = {"model", "adaptation", "inner_loss", "outer_loss", "product", "chunk"}
        if not set(changes) & parts:
            other._plan, other.derivatives_hold = self._plan, self.derivatives_hold
            other.start_looked_at = self.start_looked_at
            other.slopes_hold = self.slopes_hold
        return other

    # -- all tasks -----------------------------------------------------------------------------
    @of_steady_parts
    def losses(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """L_O of each task (T,), detached."""
        lam = self.place(lam)

        def one(task: TaskView, state: Any) -> Tensor:
            return self.task_loss(lam, task, state)

        found = each(self, lam, one, tasks, size=self.plan.chunk)
        return finite_rows(self, lam, found, "loss", tasks)

    @of_steady_parts
    def objective(self, lam: Tensor) -> Tensor:
        """F, a scalar, detached: `gradient` differentiates it."""
        lam = self.place(lam)
        found = (self.tasks.w * self.losses(lam)).sum() + 0.5 * lam @ self.prior(lam)
        if not torch.isfinite(found):  # no task's loss is at fault: those are finite
            raise NotFinite(
                "F is not finite, although every task's loss is: their weighted sum, or the outer "
                f"regulariser at |lam| = {float(lam.abs().max()):.2g}, overflows {lam.dtype}",
                quantity="objective",
            )
        return found

    @of_steady_parts
    def task_gradients(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """D L_O of each task, through its adaptation: the total gradient of 001, Thm 4.1 (T, p)."""
        lam = self.place(lam)

        def one(task: TaskView, state: Any) -> Tensor:
            slope: Tensor = grad(self.task_loss)(lam, task, state)
            return slope

        found = each(self, lam, one, tasks, size=self.plan.chunk)
        return finite_rows(self, lam, found, "gradient", tasks)

    @of_steady_parts
    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        lam = self.place(lam)

        def slope(stack: Stack) -> Tensor:
            return stack_gradient(self, lam, stack)[0]

        found = total(self, lam, slope, self.prior(lam), size=self.plan.chunk)
        return finite_vector(self, lam, found, "gradient")

    @of_steady_parts
    def hessian_product(self, lam: Tensor, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k): second order through the adaptation, outer_reg included.

        For many products at problem.lam take `metainfl.curvature.exact`, which keeps what they share.
        """
        lam = self.place(lam)
        vectors = multiplied(vectors, lam)
        found = fresh(self, lam, vectors, self.settled(lam))
        return finite_vector(self, lam, found, "Hessian product")

    @of_steady_parts
    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p), symmetrised."""
        lam = self.place(lam)
        if applies(self):
            h = linear_hessian(self, lam, self.plan.chunk)
        else:
            eye = torch.eye(self.n_meta, dtype=lam.dtype, device=lam.device)
            h = fresh(self, lam, eye, self.settled(lam))
        return finite_vector(self, lam, 0.5 * (h + h.T), "Hessian")

    # -- where F is stationary -----------------------------------------------------------------
    @of_steady_parts
    def residual(self, lam: Tensor) -> float:
        """|grad F| relative to the sizes of the terms it is a sum of."""
        return standing(self, self.place(lam), self.plan.chunk).residual

    @steadily
    def check_stationary(self, tolerance: float | None = None) -> float:
        """The residual at lam; raises `NotStationary` above the tolerance (see `stationary`)."""
        lam = self.lam
        return require_stationary(self, lam, self.residual(lam), self.plan, tolerance)

    def products(self, lam: Tensor) -> Tape:
        """V (p,) or (p, k) to H V at lam; what the products share is kept while this lives."""
        lam = self.place(lam)
        return Tape(self, lam, self.settled(lam))
