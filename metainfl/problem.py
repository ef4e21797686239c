"""The weighted meta-objective: F(lam; weights), its gradient and its total-Hessian products.

    F(lam) = sum_i w_i [sum_j v_ij l(z_ij; lam, theta_i(lam)) + (direct/2) |theta_i - lam|^2]
             + (outer_reg/2) |lam|^2

One scalar function of one task is differentiated by `torch.func` and batched over tasks; there is
no Python loop over tasks, only over chunks of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad, jvp, vmap

from metainfl.adaptation.base import Adaptation, Setting
from metainfl.errors import InvalidProblem, NotStationary
from metainfl.losses import Loss, squared, weighted
from metainfl.model import Model, as_model
from metainfl.plan import SMALL, Plan, measured, unmeasured
from metainfl.symmetry import Symmetry
from metainfl.tasks import Tasks, TaskView


class Problem:
    """Tasks, model, losses, adaptation and regularisers; `lam` is where influences are taken.

    A few tasks are differentiated at a time, so memory does not grow with their number.
    """

    def __init__(
        self,
        model: Model | nn.Module,
        tasks: Tasks,
        adaptation: Adaptation,
        *,
        inner_loss: Loss = squared,
        outer_loss: Loss | None = None,
        outer_reg: float,
        direct: float = 0.0,
        lam: Tensor | None = None,
        chunk: int | None = None,
        symmetry: Symmetry | None = None,
        product: str = "auto",
    ) -> None:
        """`outer_loss` defaults to `inner_loss`; `lam` (p,) to nothing: call `solve` first.

        `symmetry` gives the directions along which lam moves without changing F, such as
        `metainfl.symmetry.orthogonal(rank)`: influence has no component in them. `product` ("forward"
        or "reverse") and `chunk` fix how Hessian products are computed; otherwise see `plan`.
        """
        for name, value in (("outer_reg", outer_reg), ("direct", direct)):
            if not (math.isfinite(value) and value >= 0):
                raise InvalidProblem(f"{name} must be finite and not negative, got {value}")
        if direct and not adaptation.same_space:
            raise InvalidProblem(
                "direct compares theta with lam, but they live in other spaces here"
            )
        if product not in ("auto", "forward", "reverse"):
            raise InvalidProblem(f"product is 'auto', 'forward' or 'reverse', got {product!r}")
        if chunk is not None and chunk < 1:
            raise InvalidProblem(f"chunk must be at least 1, got {chunk}")
        self.setting = Setting(as_model(model), inner_loss)
        self.tasks, self.adaptation = tasks, adaptation
        self.outer_loss = inner_loss if outer_loss is None else outer_loss
        self.outer_reg, self.direct, self.symmetry = outer_reg, direct, symmetry
        self.product, self.asked_chunk = product, chunk
        self._plan: Plan | None = None
        self.n_meta = adaptation.n_meta(self.setting.model)
        self._lam = None if lam is None else self._checked(lam)
        self._states: tuple[Tensor, int, list[Any]] | None = None

    # -- where we are --------------------------------------------------------------------------
    @property
    def lam(self) -> Tensor:
        """The meta-parameters (p,) at which influences are taken."""
        if self._lam is None:
            raise InvalidProblem("lam is not set: call problem.solve(), or assign problem.lam")
        return self._lam

    @lam.setter
    def lam(self, value: Tensor) -> None:
        self._lam = self._checked(value)
        self._states = None

    def _checked(self, lam: Tensor) -> Tensor:
        if lam.shape != (self.n_meta,):
            raise InvalidProblem(f"lam must have shape ({self.n_meta},), got {tuple(lam.shape)}")
        if not torch.isfinite(lam).all():
            raise InvalidProblem(
                f"lam is not finite at index {int((~torch.isfinite(lam)).nonzero()[0])}"
            )
        return lam.detach().to(self.tasks.query_x)

    def tangent(self) -> Tensor | None:
        """Orthonormal directions (p, f) of the known symmetry at lam; None if there is none."""
        return None if self.symmetry is None else self.symmetry(self.lam)

    def replaced(self, **changes: Any) -> Problem:
        """The same problem with other tasks, adaptation, lam, ..."""
        own: dict[str, Any] = {
            "model": self.setting.model,
            "tasks": self.tasks,
            "adaptation": self.adaptation,
            "inner_loss": self.setting.inner_loss,
            "outer_loss": self.outer_loss,
            "outer_reg": self.outer_reg,
            "direct": self.direct,
            "lam": self._lam,
            "chunk": self.asked_chunk,
            "symmetry": self.symmetry,
            "product": self.product,
        }
        other = Problem(**{**own, **changes})
        if not set(changes) & {"model", "adaptation", "product", "chunk"}:
            other._plan = self._plan  # measured once, for all problems of this shape
        return other

    # -- one task ------------------------------------------------------------------------------
    def outputs(self, direct: Tensor, adapted: Tensor, task: TaskView, state: Any) -> Tensor:
        """The learner's outputs on the query set, with lam split: what is read directly, and through
        adaptation. Equal in value where both are lam; partial derivatives come from the split.
        """
        theta = self.adaptation.adapt(self.setting, adapted, task, state)
        return self.adaptation.outputs(self.setting, direct, theta, task.query_x)

    def split_loss(self, direct: Tensor, adapted: Tensor, task: TaskView, state: Any) -> Tensor:
        """L_O of one task with lam split in the same way."""
        theta = self.adaptation.adapt(self.setting, adapted, task, state)
        outputs = self.adaptation.outputs(self.setting, direct, theta, task.query_x)
        value = weighted(self.outer_loss, outputs, task.query_y, task.query_weight, "outer")
        if self.direct:
            value = value + 0.5 * self.direct * (theta - direct).square().sum()
        return value

    def task_loss(self, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """L_O of one task through its adaptation: the scalar that everything is a derivative of."""
        return self.split_loss(lam, lam, task, state)

    # -- all tasks -----------------------------------------------------------------------------
    def chunks(
        self, lam: Tensor, tasks: Tasks | None = None
    ) -> Iterator[tuple[TaskView, Tensor, Any]]:
        """Stacks of at most `chunk` tasks with their weights and prepared adaptation state."""
        own = tasks is None or tasks is self.tasks
        tasks = self.tasks if tasks is None else tasks
        # The state is kept for lam where influences are taken; elsewhere it is made and dropped.
        states, made, size = None, [], self.chunk
        if own and self._states is not None and self._states[0] is lam and self._states[1] == size:
            states = self._states[2]
        for c, start in enumerate(range(0, tasks.n_tasks, size)):
            stop = min(start + size, tasks.n_tasks)
            view = TaskView(*(t[start:stop] for t in tasks.view()))
            if states is None:
                state = self.adaptation.prepare(self.setting, lam, view)
                made.append(state)
                if own and lam is self._lam and tasks.n_tasks <= size:
                    self._states = (lam, size, made)
            else:
                state = states[c]
            yield view, tasks.w[start:stop], state

    def losses(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """L_O of each task (T,)."""
        f = vmap(lambda t, s: self.task_loss(lam, t, s))
        return torch.cat([f(view, state) for view, _, state in self.chunks(lam, tasks)]).detach()

    def objective(self, lam: Tensor) -> Tensor:
        """F, a scalar."""
        return (self.tasks.w * self.losses(lam)).sum() + 0.5 * self.outer_reg * lam.square().sum()

    def task_gradients(self, lam: Tensor, tasks: Tasks | None = None) -> Tensor:
        """D L_O of each task, through its adaptation (T, p)."""
        f = vmap(grad(self.task_loss), in_dims=(None, 0, 0))
        return torch.cat(
            [f(lam, view, state) for view, _, state in self.chunks(lam, tasks)]
        ).detach()

    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        total = self.outer_reg * lam
        f = vmap(grad(self.task_loss), in_dims=(None, 0, 0))
        for view, w, state in self.chunks(lam):
            total = total + w @ f(lam, view, state)
        return total.detach()

    @property
    def plan(self) -> Plan:
        """How Hessian products are computed: order of differentiation and tasks at a time."""
        return self._plan or unmeasured(self.n_meta)

    @property
    def chunk(self) -> int:
        """Tasks differentiated at a time."""
        return self.asked_chunk or self.plan.chunk

    @property
    def product_mode(self) -> str:
        """The order of differentiation, as asked for or planned."""
        return self.plan.mode if self.product == "auto" else self.product

    def hessian_product(self, lam: Tensor, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k): second order through the adaptation, outer_reg included."""
        columns = vectors.reshape(len(vectors), -1).T  # (k, p)
        unsettled = self.product == "auto" or self.asked_chunk is None
        if self._plan is None and unsettled and self.n_meta > SMALL:
            self._plan = measured(self, lam)
        reverse = self.product_mode == "reverse"

        def product(v: Tensor, view: TaskView, w: Tensor, state: Any) -> Tensor:
            def total_gradient(at: Tensor) -> Tensor:
                return w @ vmap(grad(self.task_loss), in_dims=(None, 0, 0))(at, view, state)

            if reverse:
                return grad(lambda at: total_gradient(at) @ v)(lam)
            return jvp(total_gradient, (lam,), (v,))[1]

        total = self.outer_reg * columns
        for view, w, state in self.chunks(lam):
            width = max(1, 4096 // len(w))  # columns at a time: bounds tasks x columns in flight
            f = vmap(product, in_dims=(0, None, None, None), chunk_size=width)
            total = total + f(columns, view, w, state)
        return total.T.reshape(vectors.shape).detach()

    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p), symmetrised."""
        from metainfl.curvature.linear_model import applies, linear_hessian

        if applies(self):
            return linear_hessian(self, lam)
        h = self.hessian_product(lam, torch.eye(self.n_meta, dtype=lam.dtype, device=lam.device))
        return 0.5 * (h + h.T)

    # -- the minimiser -------------------------------------------------------------------------
    def residual(self, lam: Tensor) -> float:
        """|grad F| relative to the sizes of the terms it is a sum of."""
        g = self.task_gradients(lam)
        scale = (self.tasks.w[:, None] * g).norm(dim=1).sum() + self.outer_reg * lam.norm()
        size = (self.tasks.w @ g + self.outer_reg * lam).norm()
        return float(size / scale) if scale > 0 else 0.0

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
        from metainfl.minimise import newton

        if start is None:
            start = (
                self._lam if self._lam is not None else self.tasks.query_x.new_zeros(self.n_meta)
            )
        self.lam = newton(self, self._checked(start), **options)
        return self.lam
