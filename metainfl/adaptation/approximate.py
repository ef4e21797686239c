"""Proximal adaptation whose derivative is approximated: another matrix in place of H_in^{-1}.

    theta(lam) is exact,  d theta/d lam = d_in B,  d2 theta/d lam2 left out
with B standing for the inverse of the inner Hessian: EK-FAC or K-FAC of the support set (paper 001,
section 5.1 and eq. 20 with lambda_l = d_in, in its place in eq. 8), its diagonal, or the exact inverse, which
is what freezing it means. One chord step from theta* has just these derivatives: see `proximal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.adaptation.proximal import Proximal
from metainfl.adaptation.ridge import ProximalRidge
from metainfl.errors import InvalidProblem
from metainfl.kronecker import Fisher, LinearLayers, Recipe, apply, blocks, draws, require_mass
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.tasks import TaskView

#: B (T, q, q) from (setting, theta (T, q), tasks, H_in^{-1} (T, q, q), inner_reg)
InnerInverse = Callable[[Setting, Tensor, TaskView, Tensor, float], Tensor]


def exact_inverse(
    s: Setting, theta: Tensor, tasks: TaskView, inverse: Tensor, reg: float
) -> Tensor:
    """H_in^{-1} itself, held fixed."""
    return inverse


def diagonal_inverse(
    s: Setting, theta: Tensor, tasks: TaskView, inverse: Tensor, reg: float
) -> Tensor:
    """The diagonal of H_in, inverted."""
    return torch.diag_embed(1 / torch.linalg.inv(inverse).diagonal(dim1=1, dim2=2))


class ApproximateProximal(Proximal):
    """Exact inner solution, approximate derivative."""

    def __init__(self, inner_reg: float, inverse: InnerInverse, *, max_steps: int = 50) -> None:
        super().__init__(inner_reg, max_steps=max_steps)
        self.inverse = inverse

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta* (T, q) and B (T, q, q)."""
        theta, exact = self.with_inverse(s, lam, tasks)
        return theta, self.inverse(s, theta, tasks, exact, self.inner_reg)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """One chord step from theta*."""
        theta, b = state
        return theta - b @ grad(lambda th: self.inner(s, th, lam, task))(theta)


def approximately(inverse: InnerInverse) -> Callable[[Adaptation], Adaptation]:
    """A proximal adaptation's derivative with `inverse` in place of its inner inverse."""

    def change(adaptation: Adaptation) -> Adaptation:
        reg = getattr(adaptation, "inner_reg", None)
        if not isinstance(adaptation, (Proximal, ProximalRidge)) or reg is None:
            raise InvalidProblem(
                f"an inner inverse belongs to proximal adaptation, not {type(adaptation).__name__}"
            )
        return ApproximateProximal(reg, inverse)

    return change


class KroneckerInverse:
    """EK-FAC or K-FAC of each task's support set, plus inner_reg."""

    def __init__(self, fisher: Fisher = "type-2", *, corrected: bool = True, seed: int = 0) -> None:
        self.recipe = Recipe(fisher, corrected, seed)

    def __call__(
        self, s: Setting, theta: Tensor, tasks: TaskView, inverse: Tensor, reg: float
    ) -> Tensor:
        """B (T, q, q)."""
        layers = LinearLayers(s.model)
        if self.recipe.fisher != "empirical":
            require_mass(s.inner_loss, tasks.support_y, tasks.support_weight)
        shape = (*tasks.support_x.shape[:2], layers.width(theta[0], tasks.support_x[0]))
        noise = draws(shape, self.recipe.seed, theta)
        eye = torch.eye(theta.shape[1], dtype=theta.dtype, device=theta.device)

        def one(th: Tensor, task: TaskView, own: Tensor) -> Tensor:
            x, y, u = task.support_x, task.support_y, task.support_weight
            parts = blocks(layers, s.inner_loss, self.recipe, th, x, y, u, own)
            return apply(layers, parts, eye, lambda values: 1 / (values + reg))

        return vmap(one)(theta, tasks, noise).detach()
