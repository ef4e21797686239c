"""Proximal adaptation of any model and loss: implicit differentiation (001, eqs 2-3 and 8-9).

    theta(lam) = argmin sum_j u_j l(theta; z_j) + (d_in/2) |theta - lam|^2

The inner problems of a stack of tasks are solved together (`inner_newton`). Differentiation then needs no
implicit-function formula and no third-order tensor: with B = H_in^{-1} held constant at lam*, two
chord steps from theta*,

    theta_1 = theta* - B g(lam, theta*),     theta_2 = theta_1 - B g(lam, theta_1),

(g the inner gradient) agree with theta(lam) up to O(|lam - lam*|^3): each chord step raises the
order of agreement by one. So theta_2 has the exact value, Jacobian and second derivative, in lam, in
the support weights and in the inputs, and `torch.func` only ever differentiates g. B is a matrix for
models of up to `DENSE` parameters and a solve by conjugate gradients (`inner_cg`) for larger ones.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.adaptation.inner_cg import InnerSolve, products
from metainfl.adaptation.inner_hessian import inner_hessian
from metainfl.adaptation.inner_newton import levenberg, minimised, truncated
from metainfl.errors import SingularHessian
from metainfl.numbers import BELOW_ONE, POSITIVE, real, whole
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.failing import of_stack
from metainfl.problem.losses import weighted
from metainfl.problem.tasks import TaskView

DENSE = 256


class Proximal(Adaptation):
    """Inner Newton and its implicit derivative; `rtol` is that of solves by conjugate gradients."""

    inner_reg: float
    rtol: float
    max_steps: int
    options: ClassVar = {
        "inner_reg": lambda value: real(value, "inner_reg", POSITIVE),
        "rtol": lambda value: real(value, "rtol", BELOW_ONE),
        "max_steps": lambda value: whole(value, "max_steps", 1),
    }

    def __init__(self, inner_reg: float, *, rtol: float = 1e-10, max_steps: int = 200) -> None:
        self.inner_reg, self.rtol, self.max_steps = inner_reg, rtol, max_steps

    def inner(self, s: Setting, theta: Tensor, lam: Tensor, task: TaskView) -> Tensor:
        """L_I, a scalar."""
        outputs = s.model(theta, task.support_x)
        fit = weighted(s.inner_loss, outputs, task.support_y, task.support_weight, "inner")
        return fit + (0.5 * self.inner_reg * (theta - lam).square()).sum()

    def dense(self, s: Setting) -> bool:
        """Whether B is a matrix."""
        return s.model.n_params <= DENSE

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, q), and B = H_in^{-1} (T, q, q) where it is a matrix."""
        if self.dense(s):
            return self.with_inverse(s, lam, tasks)
        return (self._large(s, lam, tasks),)

    def witness(self, s: Setting, lam: Tensor, tasks: TaskView, state: Any) -> Tensor:
        """Both parts of the inner gradient at theta* (2 T, q), which cancel as long as it is theta*."""
        theta, pull = state[0], self.inner_reg * (state[0] - lam.detach())
        slope = vmap(grad(lambda th, t: self.inner(s, th, lam.detach(), t)))(theta, tasks)
        return torch.cat([slope - pull, pull])

    def with_inverse(self, s: Setting, lam: Tensor, tasks: TaskView) -> tuple[Tensor, Tensor]:
        """theta* (T, q) and H_in^{-1} (T, q, q), whatever the size."""
        slope = vmap(grad(lambda th, t: self.inner(s, th, lam, t)))
        curve = inner_hessian(lambda th, t: self.inner(s, th, lam, t))

        def direction(theta: Tensor) -> tuple[Tensor, Tensor]:
            g = slope(theta, tasks)
            return g, levenberg(curve(theta, tasks), g)

        theta = self._minimised(s, lam, tasks, direction)
        h = curve(theta, tasks)
        _, failed = torch.linalg.cholesky_ex(h)
        if failed.any():
            bad = int(failed.nonzero()[0])
            low = float(torch.linalg.eigvalsh(h[bad])[0])
            error = SingularHessian(
                f"the inner Hessian of task {bad} of its stack has eigenvalue {low:.3g} at its solution: no "
                f"strict minimum; raise inner_reg above {self.inner_reg - 2 * low:.3g}"
            )
            raise of_stack(error, bad)
        return theta, torch.linalg.inv(h)

    def _large(self, s: Setting, lam: Tensor, tasks: TaskView) -> Tensor:
        """theta* (T, q) without matrices: solves become exact as the gradient vanishes."""
        first: list[Tensor] = []

        def inner(theta: Tensor, at: Tensor, task: TaskView) -> Tensor:
            return self.inner(s, theta, at, task)

        def direction(theta: Tensor) -> tuple[Tensor, Tensor]:
            g, product = products(inner, theta, lam, tasks)
            size = g.norm(dim=1)
            first[:] = first or [size.clamp(min=torch.finfo(g.dtype).tiny)]
            forcing = (size / first[0]).clamp(max=0.1, min=self._floor(g))
            return g, truncated(product, g, forcing)

        return self._minimised(s, lam, tasks, direction)

    def _minimised(self, s: Setting, lam: Tensor, tasks: TaskView, direction: Any) -> Tensor:
        value = vmap(lambda th, t: self.inner(s, th, lam, t))
        start = lam.detach().expand(len(tasks.query_x), -1).clone()
        return minimised(
            lambda th: value(th, tasks), direction, start, self.max_steps, type(self).__name__
        )

    def _floor(self, like: Tensor) -> float:
        return max(self.rtol, 4 * torch.finfo(like.dtype).eps)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """Two chord steps from theta*."""
        theta = state[0]
        g = grad(lambda th, la: self.inner(s, th, la, task))

        def solve(b: Tensor) -> Tensor:
            if len(state) == 2:
                return state[1] @ b
            return self._implicit(s, b, theta, task)

        first = theta - solve(g(theta, lam))
        return first - solve(g(first, lam))

    def _implicit(self, s: Setting, b: Tensor, theta: Tensor, task: TaskView) -> Tensor:
        def inner(th: Tensor, lam: Tensor, one: TaskView) -> Tensor:
            return self.inner(s, th, lam, one)

        fields = (t.detach()[None] for t in task)
        return InnerSolve.apply(b[None], theta.detach()[None], inner, self._floor(b), *fields)[0]


class ProximalCG(Proximal):
    """The same by conjugate gradients whatever the size: iMAML's way."""

    def dense(self, s: Setting) -> bool:
        """Never."""
        return False
