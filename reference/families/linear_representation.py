"""Linear representation with a ridge head: f(x) = theta' Lam x, Lam (r, d), theta (r, c).

    theta_i = argmin sum_j u_ij |theta' Lam x_ij - y_ij|^2 / 2 + (d_in/2) |theta|^2
    L_O^i   = sum_j v_ij |theta_i' Lam x'_ij - y'_ij|^2 / 2

With f = Lam x, r = theta'f - y, M = sum u x x' and P the multipliers (r, c):
    G         = sum u f r' + d_in theta,    G_theta = (sum u f f' + d_in I) (x) I
    G_Lam[dL] = dL (sum u x r') + (sum u f x') dL' theta
    mu . G    = sum u (P'f).(theta'f - y) + d_in <P, theta>, bilinear in what it holds
L_O reads lam directly, so Direct-IF is not zero. Lam -> Q Lam with Q orthogonal changes nothing:
H has exactly r(r-1)/2 zero eigenvalues, and influence is the minimum-norm solution.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.linear import solve
from metainfl_reference.local import ReducedLocal, Side, TaskData
from metainfl_reference.orthogonal import OrthogonalFamily
from metainfl_reference.reduced import Blocks, Curved, Direction

Array = np.ndarray


class LinearRepresentation(OrthogonalFamily):
    """Non-convex, with known flat directions."""

    name = "linear_representation"

    def __init__(
        self,
        episodes: Episodes,
        *,
        d_in: float = 1.0,
        d_out: float = 1.0,
        rank: int = 2,
        seed: int = 0,
    ) -> None:
        """`rank` is r, `seed` draws the start of the first solve."""
        super().__init__(episodes, d_in=d_in, d_out=d_out, rank=rank, seed=seed)

    def local(self, data: TaskData, lam: Array) -> RepresentationLocal:
        """One task."""
        return RepresentationLocal(data, lam.reshape(self.rank, self.d), self.d_in)


class RepresentationLocal(ReducedLocal):
    """z = theta (r c,)."""

    def __init__(self, data: TaskData, lam: Array, d_in: float) -> None:
        self.data, self.lam, self.d_in = data, lam, d_in
        self.f, self.h = data.support_x @ lam.T, data.query_x @ lam.T
        gram = self.f.T @ (data.u[:, None] * self.f) + d_in * np.eye(len(lam))
        self.mat = solve(gram, self.f.T @ (data.u[:, None] * data.support_y))
        self.theta, self.gram = self.mat.reshape(-1), gram
        self.rs = self.f @ self.mat - data.support_y
        self.rq = self.h @ self.mat - data.query_y
        self.loss = 0.5 * np.sum(data.v[:, None] * self.rq**2)

    def blocks(self) -> Blocks:
        """Q_Lam = theta R'V X', Q_theta = F'VR; G_Lam from [dL]_ae."""
        x, u, v = self.data.support_x, self.data.u[:, None], self.data.v[:, None]
        xur = x.T @ (u * self.rs)
        fux = self.f.T @ (u * x)
        r, d, c = *self.lam.shape, self.mat.shape[1]
        g_l = np.einsum("ba,ec->bcae", np.eye(r), xur) + np.einsum("be,ac->bcae", fux, self.mat)
        return Blocks(
            self.loss,
            (self.mat @ (v * self.rq).T @ self.data.query_x).reshape(-1),
            (self.h.T @ (v * self.rq)).reshape(-1),
            g_l.reshape(r * c, r * d),
            np.kron(self.gram, np.eye(c)),
        )

    def curved(self, mu: Array) -> Curved:
        """Lag_LL, Lag_Ltheta, Lag_thetatheta; mu . G is bilinear in P, so both halves are alike."""
        p, x, z = mu.reshape(self.mat.shape), self.data.support_x, self.data.query_x
        u, v = self.data.u[:, None], self.data.v[:, None]
        m_s, m_q = x.T @ (u * x), z.T @ (v * z)
        cross = p @ self.mat.T
        ll = np.einsum("ab,eg->aebg", cross + cross.T, m_s)
        ll = ll + np.einsum("ab,eg->aebg", self.mat @ self.mat.T, m_q)
        eye = np.eye(len(self.lam))
        lz = np.einsum("eb,ag->aebg", x.T @ (u * self.f), p)
        lz = lz + np.einsum("ab,eg->aebg", eye, x.T @ (u * (self.f @ p)))
        lz = lz + np.einsum("eb,ag->aebg", z.T @ (v * self.h), self.mat)
        lz = lz + np.einsum("ab,eg->aebg", eye, z.T @ (v * self.rq))
        n_l, n_z = self.lam.size, self.theta.size
        zz = np.kron(self.h.T @ (v * self.h), np.eye(self.mat.shape[1]))
        return Curved(ll.reshape(n_l, n_l), lz.reshape(n_l, n_z), zz)

    def support_direction(self, mu: Array) -> Direction:
        """G_u = f r'; mu . G_Lu = (P r + theta P'f) x'; mu . G_thetau = f (P'f)'."""
        p, x = mu.reshape(self.mat.shape), self.data.support_x
        fp = self.f @ p
        left = self.rs @ p.T + fp @ self.mat.T
        return Direction(
            np.einsum("na,ne->aen", left, x).reshape(self.lam.size, -1),
            np.einsum("nb,ng->bgn", self.f, fp).reshape(self.theta.size, -1),
            np.einsum("nb,ng->bgn", self.f, self.rs).reshape(self.theta.size, -1),
        )

    def query_direction(self) -> Direction:
        """Q_Lv = theta R x', Q_thetav = f R'."""
        left = self.rq @ self.mat.T
        q_z = np.einsum("nb,ng->bgn", self.h, self.rq).reshape(self.theta.size, -1)
        q_l = np.einsum("na,ne->aen", left, self.data.query_x).reshape(self.lam.size, -1)
        return Direction(q_l, q_z, np.zeros_like(q_z))

    def input_direction(self, mu: Array, side: Side, j: int) -> Direction:
        """The lines above, differentiated once more in x."""
        eye = np.eye(self.lam.shape[1])
        slope = self.lam.T @ self.mat  # d(theta'f)/dx, (d, c)

        def outer(f: Array, df: Array, t: Array, dt: Array) -> Array:
            """d(f t')/dx with f (r,), df (r, d), t (c,), dt (d, c)."""
            return np.einsum("be,g->bge", df, t) + np.einsum("b,eg->bge", f, dt)

        if side == "query":
            v, z, f, r = self.data.v[j], self.data.query_x[j], self.h[j], self.rq[j]
            q_l = outer(self.mat @ r, self.mat @ slope.T, z, eye)
            q_z = outer(f, self.lam, r, slope)
            q_z = v * q_z.reshape(self.theta.size, -1)
            return Direction(v * q_l.reshape(self.lam.size, -1), q_z, np.zeros_like(q_z))
        p = mu.reshape(self.mat.shape)
        u, x, f, r = self.data.u[j], self.data.support_x[j], self.f[j], self.rs[j]
        lean = self.lam.T @ p  # d(P'f)/dx, (d, c)
        lag_l = outer(p @ r + self.mat @ (f @ p), p @ slope.T + self.mat @ lean.T, x, eye)
        lag_z, g = outer(f, self.lam, f @ p, lean), outer(f, self.lam, r, slope)
        shape_z = (self.theta.size, -1)
        return Direction(
            u * lag_l.reshape(self.lam.size, -1), u * lag_z.reshape(shape_z), u * g.reshape(shape_z)
        )
