"""Single-level softmax regression: classical influence functions (no adaptation).

    L_O^i(Lam) = sum_j v_ij l(Lam' x_ij, y_ij),   Lam (d, c),   l = softmax cross-entropy
    D L = sum v x (x) l',   D^2 L = sum v x x' (x) l'',   d D L/dv_j = x_j (x) l'_j

F is d_out-strongly convex. A "task" is a group of instances that share a weight.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.local import Local, Side, TaskData
from metainfl_reference.losses import Name
from metainfl_reference.wide import narrow

Array = np.ndarray


class SingleSoftmax(Family):
    """F = sum_i w_i sum_j v_ij CE(Lam' x_ij, y_ij) + d_out/2 |Lam|^2."""

    name = "single_softmax"
    loss_name: Name = "softmax"

    @property
    def n_meta(self) -> int:
        """D c."""
        return self.episodes.query_x.shape[2] * self.episodes.query_y.shape[2]

    @property
    def convexity(self) -> float | None:
        """The least of d_out, where it is not 0: cross-entropy of a linear model is convex, no more."""
        least = float(np.min(narrow(np.asarray(self.d_out))))
        return np.inf if self.quadratic else least or None

    def local(self, data: TaskData, lam: Array) -> Local:
        """One group of instances."""
        return SingleLocal(data, lam, self.loss_name)


class SingleLocal(Local):
    """No adaptation: theta is empty and every derivative is direct."""

    def __init__(self, data: TaskData, lam: Array, loss: Name) -> None:
        self.sum = LinearModelSum(data.query_x, data.query_y, data.v, lam, loss)
        self.loss = self.sum.value()
        self.theta = np.empty(0)
        self.jacobian = np.empty((0, self.sum.size))
        self.n_support = len(data.u)

    def gradient(self) -> Array:
        """D L = sum v x (x) l'."""
        return self.sum.gradient()

    def hessian(self) -> Array:
        """D^2 L = sum v x x' (x) l''."""
        return self.sum.hessian()

    def by_support(self) -> Array:
        """Zero columns: a single-level problem does not read its support set."""
        return np.zeros((self.sum.size, self.n_support))

    def by_query(self) -> Array:
        """x_j (x) l'_j."""
        return self.sum.gradient_by_weight()

    def by_input(self, side: Side, j: int) -> Array:
        """v_j (I (x) l'_j + x_j (x) l''_j Lam')."""
        if side == "support":
            raise InvalidProblem("a single-level problem has no support inputs to shift")
        return self.sum.gradient_by_input(j)

    def theta_by_support(self) -> Array:
        """Empty."""
        return np.zeros((0, self.n_support))

    def inner_condition(self) -> float:
        """1: nothing is solved."""
        return 1.0
