"""A bilevel problem with its derivatives over all tasks, and its minimiser.

    F(lam) = sum_i w_i L_O^i(lam, theta_i(lam)) + (outer_reg/2) |lam|^2          (see `Definition`)

The loss of one task is differentiated by `torch.func` and batched over tasks (`loop`); there is no Python
loop over tasks unless that is the faster way, only over stacks of them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.dense_newton import dense_newton
from metainfl.derive.finite import finite_rows, finite_vector
from metainfl.derive.linear_model import applies, linear_hessian
from metainfl.derive.loop import Stack, each, total
from metainfl.derive.measure import measured, weight_of_a_graph, works
from metainfl.derive.minimise import Minimisation, Way, chosen, minimise
from metainfl.derive.modes import require_constant, require_plain
from metainfl.derive.plan import SMALL, Plan, unmeasured
from metainfl.derive.product import Tape, fresh, stack_gradient
from metainfl.derive.stationary import require_stationary, terms
from metainfl.derive.trust_region import trust_region
from metainfl.derive.watch import Show
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem import Definition, Tasks, TaskView


class Problem(Definition):
    """A bilevel problem: its arguments are those of `Definition`.

    A few tasks are differentiated at a time, so memory does not grow with their number.
    """

    _plan: Plan | None = None
    #: gradients were compared with differences here (`preflight`), or need not be
    derivatives_hold: bool = False
    #: how far the last `solve` got, and why it stopped
    minimisation: Minimisation | None = None

    @cached_property
    def slopes_hold(self) -> set[str]:
        """Digests of the tasks whose losses' slopes were compared with differences (`preflight`)."""
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
            other.slopes_hold = self.slopes_hold
        return other

    # -- all tasks -----------------------------------------------------------------------------
    def losses(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """L_O of each task (T,), detached."""
        lam = self.place(lam)

        def one(task: TaskView, state: Any) -> Tensor:
            return self.task_loss(lam, task, state)

        found = each(self, lam, one, tasks, size=self.plan.chunk)
        return finite_rows(self, lam, found, "loss", tasks)

    def objective(self, lam: Tensor) -> Tensor:
        """F, a scalar, detached: `gradient` differentiates it."""
        lam = self.place(lam)
        return (self.tasks.w * self.losses(lam)).sum() + 0.5 * lam @ self.prior(lam)

    def task_gradients(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """D L_O of each task, through its adaptation (T, p)."""
        lam = self.place(lam)

        def one(task: TaskView, state: Any) -> Tensor:
            slope: Tensor = grad(self.task_loss)(lam, task, state)
            return slope

        found = each(self, lam, one, tasks, size=self.plan.chunk)
        return finite_rows(self, lam, found, "gradient", tasks)

    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        lam = self.place(lam)

        def slope(stack: Stack) -> Tensor:
            return stack_gradient(self, lam, stack)[0]

        found = total(self, lam, slope, self.prior(lam), size=self.plan.chunk)
        return finite_vector(self, lam, found, "gradient")

    def hessian_product(self, lam: Tensor, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k): second order through the adaptation, outer_reg included.

        For many products at problem.lam take `metainfl.curvature.exact`, which keeps what they share.
        """
        if not isinstance(vectors, Tensor):
            raise InvalidProblem(
                f"vectors to be multiplied by H are a torch tensor ({self.n_meta},) or "
                f"({self.n_meta}, k), got {type(vectors).__name__}: use torch.as_tensor"
            )
        if vectors.ndim not in (1, 2) or len(vectors) != self.n_meta:
            raise InvalidProblem(
                f"vectors to be multiplied by H are ({self.n_meta},) or ({self.n_meta}, k), got "
                f"{tuple(vectors.shape)}"
            )
        if vectors.is_complex():
            raise InvalidProblem(
                f"vectors to be multiplied by H must be real, got {vectors.dtype}: multiply real and "
                "imaginary parts"
            )
        require_constant(vectors)
        lam = self.place(lam)
        require_plain(lam)  # before the vectors take after it
        vectors = vectors.to(lam)
        if not torch.isfinite(vectors).all():
            raise NotFinite("the vector to be multiplied by H is not finite", quantity="vector")
        found = fresh(self, lam, vectors, self.settled(lam))
        return finite_vector(self, lam, found, "Hessian product")

    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p), symmetrised."""
        lam = self.place(lam)
        if applies(self):
            h = linear_hessian(self, lam, self.plan.chunk)
        else:
            eye = torch.eye(self.n_meta, dtype=lam.dtype, device=lam.device)
            h = fresh(self, lam, eye, self.settled(lam))
        return finite_vector(self, lam, 0.5 * (h + h.T), "Hessian")

    # -- the minimiser -------------------------------------------------------------------------
    def residual(self, lam: Tensor) -> float:
        """|grad F| relative to the sizes of the terms it is a sum of."""
        lam = self.place(lam)
        g, scale = terms(self, lam, self.plan.chunk)
        size = float(finite_vector(self, lam, g, "gradient").norm())
        return size / scale if scale > 0 else 0.0 if size == 0 else math.inf

    def check_stationary(self, tolerance: float | None = None) -> float:
        """The residual at lam; raises `NotStationary` above the tolerance (see `stationary`)."""
        lam = self.lam
        return require_stationary(self, lam, self.residual(lam), self.plan, tolerance)

    def products(self, lam: Tensor) -> Tape:
        """V (p,) or (p, k) to H V at lam; what the products share is kept while this lives."""
        lam = self.place(lam)
        return Tape(self, lam, self.settled(lam))

    def own_start(self) -> Tensor | None:
        """Where an optimiser begins: lam where it is set, else the module's own parameters (p,), if any."""
        if self._lam is not None:
            return self._lam
        own = getattr(self.setting.model, "current", None)
        if own is None or self.n_meta != self.setting.model.n_params:
            return None
        found: Tensor = own()
        return found

    def solve(
        self,
        start: Tensor | None = None,
        *,
        way: Way = "auto",
        max_steps: int = 200,
        progress: bool | Show | None = None,
    ) -> Tensor:
        """A local minimiser of F from `start` (default: lam where set, else the module's parameters, else

        zeros); lam is set to it.

        `way` is "dense" (Newton with the Hessian as a matrix; up to a few hundred parameters) or
        "trust-region" (products only). `progress` shows one line on stderr: None on a terminal only, or a
        function of that line. `minimisation` then says how far it got and why it stopped. Raises
        `NotConverged` and `Interrupted` with the last iterate as `result`, from which `start` goes on.
        """
        if start is None:
            start = self.own_start()
        if start is None:
            start = self.tasks.like.new_zeros(self.n_meta)
        chosen_way = chosen(way, self.n_meta)
        steps = dense_newton if chosen_way == "dense" else trust_region

        def keep(run: Minimisation) -> None:
            self.minimisation = run

        self.lam = minimise(
            self, self._checked(start), steps, way=chosen_way, max_steps=max_steps,
            progress=progress, keep=keep,
        )  # fmt: skip
        return self.lam
