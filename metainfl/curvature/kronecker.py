"""K-FAC and EK-FAC in place of a single-level Hessian (Grosse et al.), as products and as an inverse."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.derive.failure import named
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.kronecker import Block, LinearLayers, Recipe, apply, blocks, draws, require_mass
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import refuse


class Kronecker(SymmetricOperator):
    """The approximation plus a multiple of the identity; `inverse` costs as much as a product."""

    def __init__(
        self, layers: LinearLayers, parts: tuple[Block, ...], shift: float, like: Tensor
    ) -> None:
        self.layers, self.parts, self.shift = layers, parts, shift
        super().__init__(
            len(like), lambda v: apply(layers, parts, v, lambda s: s + self.shift), like
        )

    def inverse(self, b: Tensor) -> Tensor:
        """(F + shift I)^{-1} b."""
        low = min(float(values.min()) for _, _, values in self.parts) + self.shift
        high = max(float(values.max()) for _, _, values in self.parts) + self.shift
        eps = torch.finfo(self.like.dtype).eps
        if not low > eps * len(self.like) * high:  # zero, to rounding
            raise refuse("the Kronecker approximation is not positive definite", low, high, eps)
        return apply(self.layers, self.parts, b, lambda s: 1 / (s + self.shift))

    def damped(self, damping: float) -> SymmetricOperator:
        """F + (shift + damping) I."""
        return Kronecker(self.layers, self.parts, self.shift + damping, self.like)


def kronecker(problem: Problem, recipe: Recipe) -> Kronecker:
    """Of a single-level problem's Hessian, over all tasks' query instances, outer_reg added."""
    if not isinstance(problem.adaptation, NoAdaptation):
        raise InvalidProblem(
            "K-FAC and EK-FAC approximate single-level curvature; with adaptation use gauss_newton, "
            "or give the inner inverse to adaptation.ApproximateProximal"
        )
    if isinstance(problem.outer_reg, Tensor):
        raise InvalidProblem(
            "K-FAC and EK-FAC need one outer_reg for all parameters; with one each use gauss_newton"
        )
    layers, lam, t = LinearLayers(problem.setting.model), problem.lam, problem.tasks
    x, y = t.query_x.flatten(0, 1), t.query_y.flatten(0, 1)
    w = (t.w[:, None] * t.view().query_weight).flatten()
    if recipe.fisher != "empirical":
        require_mass(problem.outer_loss, t.query_y, t.view().query_weight)
    with named():
        noise = draws((len(x), layers.width(lam, x)), recipe.seed, lam)
        parts = blocks(layers, problem.outer_loss, recipe, lam, x, y, w, noise)
    return Kronecker(layers, parts, problem.outer_reg, lam)


ekfac = partial(kronecker, recipe=Recipe())
kfac = partial(kronecker, recipe=Recipe(corrected=False))
