"""What a family must say about one task at one lam: the contract, and the shared way to meet it.

A family either writes the total derivatives down in closed form (`proximal_ridge`) or gives the
blocks of `reduced` and inherits the rest from `ReducedLocal`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from metainfl_reference import reduced
from metainfl_reference.reduced import Blocks, Curved, Direction

Array = np.ndarray
Side = Literal["support", "query"]


@dataclass(frozen=True)
class TaskData:
    """One task: inputs (n, d) and targets (n, c), with instance weights u (n_s,) and v (n_q,)."""

    support_x: Array
    support_y: Array
    query_x: Array
    query_y: Array
    u: Array
    v: Array


class Local(ABC):
    """One task at one lam. All derivatives are total: through adaptation."""

    loss: complex
    theta: Array
    jacobian: Array

    @abstractmethod
    def gradient(self) -> Array:
        """D L_O (p,)."""

    @abstractmethod
    def hessian(self) -> Array:
        """D^2 L_O (p, p)."""

    @abstractmethod
    def by_support(self) -> Array:
        """d(D L_O)/du_j, one column a support instance: (p, n_s)."""

    @abstractmethod
    def by_query(self) -> Array:
        """d(D L_O)/dv_j, one column a query instance: (p, n_q)."""

    @abstractmethod
    def by_input(self, side: Side, j: int) -> Array:
        """d(D L_O)/dx_j, one column a feature: (p, d)."""

    @abstractmethod
    def theta_by_support(self) -> Array:
        """d theta/du_j at fixed lam, one column a support instance: inner-IF (001, Thm 4.6)."""

    @abstractmethod
    def inner_condition(self) -> float:
        """Condition number of the system that adaptation solves: how far rounding is amplified."""


class ReducedLocal(Local):
    """Total derivatives from the blocks of `reduced`; a family gives the five hooks."""

    @abstractmethod
    def blocks(self) -> Blocks:
        """First derivatives of Q and G."""

    @abstractmethod
    def curved(self, mu: Array) -> Curved:
        """Second derivatives of Q + mu . G."""

    @abstractmethod
    def support_direction(self, mu: Array) -> Direction:
        """Derivatives in the support weights."""

    @abstractmethod
    def query_direction(self) -> Direction:
        """Derivatives in the query weights."""

    @abstractmethod
    def input_direction(self, mu: Array, side: Side, j: int) -> Direction:
        """Derivatives in one input."""

    def theta_rows(self) -> slice:
        """Which entries of z are the adapted parameters."""
        return slice(None)

    @cached_property
    def _blocks(self) -> Blocks:
        return self.blocks()

    @cached_property
    def _curved(self) -> Curved:
        return self.curved(self._blocks.multipliers)

    @property
    def jacobian(self) -> Array:  # type: ignore[override]
        """d theta/d lam."""
        return self._blocks.jacobian[self.theta_rows()]

    def gradient(self) -> Array:
        """D L_O."""
        return self._blocks.gradient()

    def hessian(self) -> Array:
        """D^2 L_O."""
        return reduced.hessian(self._blocks, self._curved)

    def by_support(self) -> Array:
        """d(D L_O)/du."""
        pi = self.support_direction(self._blocks.multipliers)
        return reduced.cross(self._blocks, self._curved, pi)

    def by_query(self) -> Array:
        """d(D L_O)/dv."""
        return reduced.cross(self._blocks, self._curved, self.query_direction())

    def by_input(self, side: Side, j: int) -> Array:
        """d(D L_O)/dx_j."""
        pi = self.input_direction(self._blocks.multipliers, side, j)
        return reduced.cross(self._blocks, self._curved, pi)

    def theta_by_support(self) -> Array:
        """d theta/du."""
        pi = self.support_direction(self._blocks.multipliers)
        return reduced.z_by(self._blocks, pi)[self.theta_rows()]

    def inner_condition(self) -> float:
        """Condition of G_z in the 1-norm; 1 where nothing is adapted."""
        g_z = self._blocks.g_z
        return float(np.linalg.cond(g_z.astype(float), 1)) if g_z.size else 1.0
