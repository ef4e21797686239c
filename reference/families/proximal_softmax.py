"""Proximal softmax: paper 001, eqs 2-5, with cross-entropy.

    theta_i = argmin sum_j u_ij l(theta' x_ij, y_ij) + (d_in/2) |theta - lam|^2
    L_O^i   = sum_j v_ij l(theta_i' x'_ij, y'_ij) + (direct/2) |theta_i - lam|^2

G(lam, theta) = sum u x (x) l' + d_in (theta - lam), so
    G_theta = H_in = sum u x x' (x) l'' + d_in I,   G_lam = -d_in I,   J = d_in H_in^{-1}
    mu . G_thetatheta = sum u x x' (x) l'''[x' mu]     (why curvature changes with lam)
`direct` is the proximal term that appendix A.8 adds to L_O: with it Direct-IF is not zero.
F is not convex in lam; answers are certified by Newton-Kantorovich.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family
from metainfl_reference.linear import solve
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.local import ReducedLocal, Side, TaskData
from metainfl_reference.losses import Name
from metainfl_reference.reduced import Blocks, Curved, Direction
from metainfl_reference.wide import eps_of, norm

Array = np.ndarray


class ProximalSoftmax(Family):
    """Implicit adaptation with cross-entropy; the inner problem is solved by Newton."""

    name = "proximal_softmax"
    loss_name: Name = "softmax"

    def __init__(
        self,
        episodes: Episodes,
        *,
        d_in: float = 1.0,
        d_out: float = 1.0,
        direct: float = 0.0,
        outer_loss: Name | None = None,
    ) -> None:
        """`outer_loss` is that of L_O where it is not the inner one."""
        super().__init__(episodes, d_in=d_in, d_out=d_out, direct=direct)
        self.outer_loss: Name = outer_loss or self.loss_name

    @property
    def n_meta(self) -> int:
        """D c."""
        return self.episodes.query_x.shape[2] * self.episodes.query_y.shape[2]

    def local(self, data: TaskData, lam: Array) -> ProximalLocal:
        """One task."""
        return ProximalLocal(data, lam, self)


class ProximalLocal(ReducedLocal):
    """z = theta (d c,)."""

    def __init__(self, data: TaskData, lam: Array, family: ProximalSoftmax) -> None:
        self.data, self.lam, self.d_in, self.direct = data, lam, family.d_in, family.direct
        inner, outer = family.loss_name, family.outer_loss
        self.theta = adapt(data, lam, self.d_in, inner)
        self.inner = LinearModelSum(data.support_x, data.support_y, data.u, self.theta, inner)
        self.outer = LinearModelSum(data.query_x, data.query_y, data.v, self.theta, outer)
        gap = self.theta - lam
        self.loss = self.outer.value() + 0.5 * self.direct * (gap @ gap)

    def blocks(self) -> Blocks:
        """Q_lam = -direct (theta - lam), Q_theta = sum v x (x) l' + direct (theta - lam)."""
        eye, pull = np.eye(len(self.lam)), self.direct * (self.theta - self.lam)
        return Blocks(
            self.loss,
            -pull,
            self.outer.gradient() + pull,
            -self.d_in * eye,
            self.inner.hessian() + self.d_in * eye,
        )

    def curved(self, mu: Array) -> Curved:
        """Q's second derivatives plus mu . G_thetatheta."""
        pull = self.direct * np.eye(len(self.lam))
        return Curved(pull, -pull, self.outer.hessian() + pull + self.inner.third(mu))

    def support_direction(self, mu: Array) -> Direction:
        """G_u = x (x) l'; mu . G_thetau = x (x) l''[x' mu]."""
        g = self.inner.gradient_by_weight()
        return Direction(np.zeros_like(g), self.inner.product_by_weight(mu), g)

    def query_direction(self) -> Direction:
        """Q_thetav = x (x) l'."""
        q = self.outer.gradient_by_weight()
        return Direction(np.zeros_like(q), q, np.zeros_like(q))

    def input_direction(self, mu: Array, side: Side, j: int) -> Direction:
        """Support: through G; query: through Q."""
        if side == "query":
            q = self.outer.gradient_by_input(j)
            return Direction(np.zeros_like(q), q, np.zeros_like(q))
        g = self.inner.gradient_by_input(j)
        return Direction(np.zeros_like(g), self.inner.product_by_input(mu, j), g)


def adapt(data: TaskData, lam: Array, d_in: float, loss: Name) -> Array:
    """theta(lam): Newton to rounding on a d_in-strongly convex inner loss (complex-safe)."""
    theta, best, eye = lam, np.inf, np.eye(len(lam))
    for _ in range(200):
        s = LinearModelSum(data.support_x, data.support_y, data.u, theta, loss)
        g = s.gradient() + d_in * (theta - lam)
        step = -solve(s.hessian() + d_in * eye, g)
        size = norm(step)
        if size <= 4 * eps_of(theta) * (1 + norm(theta)) or (size >= best and size < 1e-8):
            return theta + step
        best = min(best, size)
        length, here = 1.0, inner_value(s, theta, lam, d_in)
        while size > 1e-6 and length > 1e-10:
            trial = theta + length * step
            t = LinearModelSum(data.support_x, data.support_y, data.u, trial, loss)
            if inner_value(t, trial, lam, d_in) <= here + 1e-4 * length * float((g @ step).real):
                break
            length /= 2
        theta = theta + length * step
    raise NotCertified("the inner problem did not converge in 200 Newton steps; raise d_in")


def inner_value(s: LinearModelSum, theta: Array, lam: Array, d_in: float) -> float:
    """The inner loss at theta (its real part)."""
    return float((s.value() + 0.5 * d_in * ((theta - lam) @ (theta - lam))).real)
