"""Proximal ridge: paper 001, eqs 2-5, with squared loss. The anchor: linear algebra only.

With X, Y, U = diag(u) the support set, Z, T, V = diag(v) the query set, k = d_in, e = direct:

    A     = X'UX + k I,     theta = A^{-1} (X'UY + k lam),     J = d theta/d lam = k A^{-1}
    R     = Z theta - T,    g = Z'VR + e (theta - lam)         (dL_O/d theta)
    D L   = J'g - e (theta - lam)
    D^2 L = J'(Z'VZ + e I) J - e (J + J') + e I                (constant: F is quadratic)
    a     = A^{-1} g        (so J'g = k a)
    d theta/du_j = -A^{-1} x_j r_j',            r_j = theta'x_j - y_j  (inner-IF, 001 Thm 4.6)
    d D L/dv_j   = J' z_j R_j'
    d D L/du_j   = M d theta/du_j - k A^{-1} x_j (x_j'a),   M = J'(Z'VZ + e I) - e I

The last term is the derivative of the inner inverse Hessian; freezing A leaves it out.
Everything acts on rows (d, d); the c outputs are independent copies, hence kron with I_c.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.linear import solve
from metainfl_reference.local import Local, Side, TaskData

Array = np.ndarray


class ProximalRidge(Family):
    """Implicit adaptation with squared loss: lam*, influences and removals by linear algebra."""

    name = "proximal_ridge"
    quadratic = True

    @property
    def n_meta(self) -> int:
        """D c."""
        return self.episodes.query_x.shape[2] * self.episodes.query_y.shape[2]

    def local(self, data: TaskData, lam: Array) -> RidgeLocal:
        """One task."""
        return RidgeLocal(data, lam, self.d_in, self.direct)


class RidgeLocal(Local):
    """The closed forms above."""

    def __init__(self, data: TaskData, lam: Array, d_in: float, direct: float) -> None:
        self.data, self.k, self.e = data, d_in, direct
        x, self.z = data.support_x, data.query_x
        self.d, self.c = self.z.shape[1], data.query_y.shape[1]
        lam = lam.reshape(self.d, self.c)
        self.a_matrix = x.T @ (data.u[:, None] * x) + d_in * np.eye(self.d)
        self.mat = solve(self.a_matrix, x.T @ (data.u[:, None] * data.support_y) + d_in * lam)
        self.theta = self.mat.reshape(-1)
        self.gap = self.mat - lam
        self.residual = self.z @ self.mat - data.query_y
        half = 0.5 * np.sum(data.v[:, None] * self.residual**2)
        self.loss = half + 0.5 * direct * np.sum(self.gap**2)
        self.g = self.z.T @ (data.v[:, None] * self.residual) + direct * self.gap

    @cached_property
    def rows(self) -> Array:
        """J = k A^{-1}, one (d, d) block; symmetric."""
        return self.k * solve(self.a_matrix, np.eye(self.d))

    @cached_property
    def curvature(self) -> Array:
        """Z'VZ + e I (d, d)."""
        return self.z.T @ (self.data.v[:, None] * self.z) + self.e * np.eye(self.d)

    @property
    def jacobian(self) -> Array:  # type: ignore[override]
        """J (x) I_c."""
        return np.kron(self.rows, np.eye(self.c))

    def gradient(self) -> Array:
        """J'g - e (theta - lam)."""
        return (self.k * solve(self.a_matrix, self.g) - self.e * self.gap).reshape(-1)

    def hessian(self) -> Array:
        """(J'(Z'VZ + e I) J - e (J + J') + e I) (x) I_c."""
        j = self.rows
        block = j.T @ self.curvature @ j - self.e * (j + j.T) + self.e * np.eye(self.d)
        return np.kron(block, np.eye(self.c))

    def theta_by_support(self) -> Array:
        """-A^{-1} x_j r_j'."""
        return self._theta_moves(self._support_rhs())

    def by_support(self) -> Array:
        """M d theta/du_j - k A^{-1} x_j (x_j'a)."""
        x = self.data.support_x
        inner = np.einsum("nd,nc->dcn", x, x @ solve(self.a_matrix, self.g))
        return self._through(self._support_rhs(), inner)

    def by_query(self) -> Array:
        """J' z_j R_j'."""
        q = np.einsum("nd,nc->dcn", self.z, self.residual)
        return np.einsum("ed,ecn->dcn", self.rows, q).reshape(self.d * self.c, -1)

    def by_input(self, side: Side, j: int) -> Array:
        """Support: d(x r')/dx and d(x x'a)/dx through A and theta; query: J' d(z R')/dz."""
        eye = np.eye(self.d)
        if side == "query":
            z, r = self.z[j], self.residual[j]
            q = np.einsum("de,c->dce", eye, r) + np.einsum("d,ec->dce", z, self.mat)
            out = self.data.v[j] * np.einsum("ad,ace->dce", self.rows, q)
            return out.reshape(self.d * self.c, self.d)
        if not len(self.data.u):
            raise InvalidProblem("this task has no support inputs to shift")
        x, u = self.data.support_x[j], self.data.u[j]
        r, a = x @ self.mat - self.data.support_y[j], solve(self.a_matrix, self.g)
        rhs = np.einsum("de,c->dce", eye, r) + np.einsum("d,ec->dce", x, self.mat)
        inner = np.einsum("de,c->dce", eye, x @ a) + np.einsum("d,ec->dce", x, a)
        return self._through(u * rhs, u * inner)

    def inner_condition(self) -> float:
        """Condition number of A."""
        return float(np.linalg.cond(self.a_matrix.astype(float)))

    def _support_rhs(self) -> Array:
        """x_j r_j' (d, c, n_s): the derivative of the inner gradient."""
        x = self.data.support_x
        return np.einsum("nd,nc->dcn", x, x @ self.mat - self.data.support_y)

    def _theta_moves(self, rhs: Array) -> Array:
        """-A^{-1} rhs, flattened to columns."""
        moved = -solve(self.a_matrix, rhs.reshape(self.d, -1))
        return moved.reshape(self.d * self.c, -1)

    def _through(self, rhs: Array, inner: Array) -> Array:
        """M d theta - k A^{-1} inner, for each column."""
        n = rhs.shape[2]
        moved = self._theta_moves(rhs).reshape(self.d, -1)
        m = self.rows.T @ self.curvature - self.e * np.eye(self.d)
        out = m @ moved - self.k * solve(self.a_matrix, inner.reshape(self.d, -1))
        return out.reshape(self.d * self.c, n)
