"""A certified minimiser, and what the mathematics of minimisers asks of a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from metainfl_reference.certificate import Certificate
from metainfl_reference.episodes import Weights
from metainfl_reference.local import Local, TaskData
from metainfl_reference.perturbation import Perturbation

Array = np.ndarray


@dataclass(frozen=True)
class Solution:
    """A certified minimiser: lam (p,), the weights it belongs to, H there, and its error bound."""

    lam: Array
    weights: Weights
    hessian: Array
    certificate: Certificate


class Bilevel(Protocol):
    """F and its derivatives, task by task. `Family` is the one that exists; see there."""

    name: ClassVar[str]
    quadratic: bool
    d_out: float | Array

    @property
    def n_meta(self) -> int:
        """p."""
        ...

    @property
    def convexity(self) -> float | None:
        """Modulus of strong convexity; inf: quadratic; None: not convex."""
        ...

    def tangent(self, lam: Array) -> Array:
        """Flat directions (p, f)."""
        ...

    def task(self, k: int, lam: Array, weights: Weights | None = None) -> Local:
        """Task k at lam."""
        ...

    def objective(self, lam: Array, weights: Weights | None = None) -> complex:
        """F."""
        ...

    def gradient(self, lam: Array, weights: Weights | None = None) -> Array:
        """Grad F (p,)."""
        ...

    def total_hessian(self, lam: Array, weights: Weights | None = None) -> Array:
        """H (p, p)."""
        ...

    def slope_and_curvature(
        self, lam: Array, weights: Weights | None = None
    ) -> tuple[Array, Array]:
        """Both."""
        ...

    def cross_derivatives(
        self, perturbations: Sequence[Perturbation], lam: Array, weights: Weights
    ) -> Array:
        """d(grad F)/d pi (p, n)."""
        ...

    def solve(self, weights: Weights | None = None, start: Array | None = None) -> Solution:
        """The minimiser for these weights."""
        ...

    def certified(self, lam: Array, weights: Weights) -> Solution:
        """lam with its certificate."""
        ...

    def refined(self, at: Solution) -> tuple[Self, Solution]:
        """Family and minimiser in the wide format."""
        ...

    def target_loss(self, target: TaskData, lam: Array) -> complex:
        """L_t."""
        ...

    def target_gradient(self, target: TaskData, lam: Array) -> Array:
        """D L_t (p,)."""
        ...
