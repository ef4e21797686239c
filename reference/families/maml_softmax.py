"""MAML (002, section 3) with k gradient steps and cross-entropy: a finite program, not an argmin.

    theta_0 = lam,  theta_t = theta_{t-1} - alpha (sum u x (x) l'(theta_{t-1}) + d_in (theta_{t-1} - lam))
    L_O     = sum v l(theta_k' x', y') + (direct/2) |theta_k - lam|^2

z stacks all iterates, G_t = theta_t - theta_{t-1} + alpha (...). G_z is unit lower triangular, and
    mu . G_(t-1)(t-1) = alpha sum u x x' (x) l'''[x' mu_t]
d_in = 0 is plain MAML; with d_in > 0 the iterates tend to the proximal family as k grows. Implicit
formulas are wrong here for finite k. Per-parameter learning rates: pass alpha as (d, c).
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.local import ReducedLocal, Side, TaskData
from metainfl_reference.losses import Name
from metainfl_reference.reduced import Blocks, Curved, Direction

Array = np.ndarray


class MamlSoftmax(Family):
    """Unrolled adaptation with cross-entropy; not convex in lam."""

    name = "maml_softmax"
    loss_name: Name = "softmax"

    def __init__(
        self,
        episodes: Episodes,
        *,
        d_in: float = 0.0,
        d_out: float = 1.0,
        direct: float = 0.0,
        steps: int = 2,
        alpha: float | Array = 0.1,
        outer_loss: Name | None = None,
    ) -> None:
        """`steps` is k, `alpha` the learning rate, a number or one per parameter (d, c); `outer_loss`
        is that of L_O where it is not the inner one.
        """
        super().__init__(episodes, d_in=d_in, d_out=d_out, direct=direct)
        if steps < 1:
            raise InvalidProblem(f"steps must be at least 1, got {steps}")
        self.steps = steps
        self.outer_loss: Name = outer_loss or self.loss_name
        if self.outer_loss != "squared":
            self.quadratic = False  # theta is affine in lam, but L_O no quadratic in theta
        self.alpha = np.broadcast_to(np.asarray(alpha, float).reshape(-1), (self.n_meta,))

    @property
    def n_meta(self) -> int:
        """D c."""
        return self.episodes.query_x.shape[2] * self.episodes.query_y.shape[2]

    def local(self, data: TaskData, lam: Array) -> MamlLocal:
        """One task."""
        return MamlLocal(data, lam, self)


class MamlLocal(ReducedLocal):
    """z = (theta_1, ..., theta_k)."""

    def __init__(self, data: TaskData, lam: Array, family: MamlSoftmax) -> None:
        self.lam, self.alpha, self.d_in = lam, family.alpha, family.d_in
        self.direct, self.k, self.p = family.direct, family.steps, len(lam)
        self.inner: list[LinearModelSum] = []
        theta = lam
        for _ in range(self.k):
            s = LinearModelSum(data.support_x, data.support_y, data.u, theta, family.loss_name)
            self.inner.append(s)
            theta = theta - self.alpha * (s.gradient() + self.d_in * (theta - lam))
        self.theta = theta
        self.outer = LinearModelSum(data.query_x, data.query_y, data.v, theta, family.outer_loss)
        gap = theta - lam
        self.loss = self.outer.value() + 0.5 * self.direct * (gap @ gap)

    def theta_rows(self) -> slice:
        """The last iterate."""
        return slice((self.k - 1) * self.p, self.k * self.p)

    def blocks(self) -> Blocks:
        """G_z: I on the diagonal, -(I - alpha (H_t + d_in I)) below it."""
        p, k, eye = self.p, self.k, np.eye(self.p)
        shrink = [eye - self.alpha[:, None] * (s.hessian() + self.d_in * eye) for s in self.inner]
        g_z = np.eye(k * p, dtype=shrink[0].dtype)
        g_l = np.zeros((k * p, p), dtype=shrink[0].dtype)
        for t in range(k):
            g_l[t * p : (t + 1) * p] = -self.d_in * np.diag(self.alpha)
            if t:
                g_z[t * p : (t + 1) * p, (t - 1) * p : t * p] = -shrink[t]
        g_l[:p] -= shrink[0]
        pull = self.direct * (self.theta - self.lam)
        q_z = np.zeros(k * p, dtype=self.theta.dtype)
        q_z[self.theta_rows()] = self.outer.gradient() + pull
        return Blocks(self.loss, -pull, q_z, g_l, g_z)

    def curved(self, mu: Array) -> Curved:
        """Alpha l''' blocks on the diagonal, one step earlier than their multiplier."""
        p, k, rows = self.p, self.k, self.theta_rows()
        pull = self.direct * np.eye(p)
        bends = [s.third(self.alpha * mu[t * p : (t + 1) * p]) for t, s in enumerate(self.inner)]
        lz = np.zeros((p, k * p), dtype=bends[0].dtype)
        zz = np.zeros((k * p, k * p), dtype=bends[0].dtype)
        lz[:, rows] -= pull
        zz[rows, rows] += self.outer.hessian() + pull
        for t in range(1, k):
            at = slice((t - 1) * p, t * p)
            zz[at, at] += bends[t]
        return Curved(pull + bends[0], lz, zz)

    def support_direction(self, mu: Array) -> Direction:
        """G_tu = alpha x (x) l'; mu . G_(t-1)u = alpha x (x) l''[x' mu_t]."""
        g = [self.alpha[:, None] * s.gradient_by_weight() for s in self.inner]
        bends = [s.product_by_weight(m) for s, m in self._weighted(mu)]
        return self._stack(g, bends)

    def query_direction(self) -> Direction:
        """Q_theta_k,v = x (x) l'."""
        q = self.outer.gradient_by_weight()
        return self._query(q)

    def input_direction(self, mu: Array, side: Side, j: int) -> Direction:
        """The same with the derivative in x_j."""
        if side == "query":
            return self._query(self.outer.gradient_by_input(j))
        g = [self.alpha[:, None] * s.gradient_by_input(j) for s in self.inner]
        return self._stack(g, [s.product_by_input(m, j) for s, m in self._weighted(mu)])

    def _weighted(self, mu: Array) -> list[tuple[LinearModelSum, Array]]:
        """Each step's sum with alpha times its multiplier."""
        p = self.p
        return [(s, self.alpha * mu[t * p : (t + 1) * p]) for t, s in enumerate(self.inner)]

    def _stack(self, g: list[Array], bends: list[Array]) -> Direction:
        """G_pi of step t in row block t; its Lag part where theta_{t-1} stands (lam for t = 1)."""
        lag_z = np.concatenate([*bends[1:], np.zeros_like(bends[0])])
        return Direction(bends[0], lag_z, np.concatenate(g))

    def _query(self, q: Array) -> Direction:
        """A change of Q_theta_k alone."""
        lag_z = np.zeros((self.k * self.p, q.shape[1]), dtype=q.dtype)
        lag_z[self.theta_rows()] = q
        return Direction(np.zeros_like(q), lag_z, np.zeros_like(lag_z))
