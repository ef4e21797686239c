"""A weighted sum of losses of a linear model, S(Theta) = sum_j a_j l(Theta' x_j, y_j), by hand.

Theta (d, c) is flattened row by row. With l', l'', l''' the loss derivatives at z_j = Theta' x_j:
    dS            = sum a_j x_j (x) l'_j
    d2S           = sum a_j (x_j x_j') (x) l''_j
    d3S[P]        = sum a_j (x_j x_j') (x) l'''_j[t_j],            t_j = P' x_j
    d(dS)/da_j    = x_j (x) l'_j
    d(d2S P)/da_j = x_j (x) l''_j t_j
    d(dS)/dx_j    = a_j (I (x) l'_j + x_j (x) l''_j Theta')
    d(d2S P)/dx_j = a_j (I (x) l''_j t_j + x_j (x) (l''_j P' + l'''_j[t_j] Theta'))
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.losses import Jet, Name

Array = np.ndarray


class LinearModelSum:
    """S and its derivatives at one Theta, for inputs x (n, d), targets y (n, c), weights a (n,)."""

    def __init__(self, x: Array, y: Array, a: Array, theta: Array, loss: Name) -> None:
        self.x, self.a = x, a
        self.d, self.c = x.shape[1], y.shape[1]
        self.theta = theta.reshape(self.d, self.c)
        self.jet = Jet(loss, x @ self.theta, y)

    @property
    def size(self) -> int:
        """Number of entries of Theta."""
        return self.d * self.c

    def value(self) -> complex:
        """S."""
        return self.a @ self.jet.value

    def gradient(self) -> Array:
        """DS (d c,)."""
        return np.einsum("n,nd,nc->dc", self.a, self.x, self.jet.d1).reshape(-1)

    def hessian(self) -> Array:
        """d2S (d c, d c)."""
        return self._outer(self.jet.d2)

    def third(self, p: Array) -> Array:
        """d3S contracted with P (d c,): a matrix (d c, d c)."""
        t = self.x @ p.reshape(self.d, self.c)
        return self._outer(np.einsum("nabc,nc->nab", self.jet.d3, t))

    def gradient_by_weight(self) -> Array:
        """d(dS)/da_j, one column an instance: (d c, n)."""
        return np.einsum("nd,nc->dcn", self.x, self.jet.d1).reshape(self.size, -1)

    def product_by_weight(self, p: Array) -> Array:
        """d(d2S P)/da_j, one column an instance: (d c, n)."""
        t = self.x @ p.reshape(self.d, self.c)
        q = np.einsum("nab,nb->na", self.jet.d2, t)
        return np.einsum("nd,nc->dcn", self.x, q).reshape(self.size, -1)

    def gradient_by_input(self, j: int) -> Array:
        """d(dS)/dx_j: (d c, d)."""
        x, l1, l2 = self.x[j], self.jet.d1[j], self.jet.d2[j]
        out = np.einsum("ae,b->abe", np.eye(self.d), l1) + np.einsum(
            "a,be->abe", x, l2 @ self.theta.T
        )
        return self.a[j] * out.reshape(self.size, self.d)

    def product_by_input(self, p: Array, j: int) -> Array:
        """d(d2S P)/dx_j: (d c, d)."""
        pm = p.reshape(self.d, self.c)
        x, l2, l3 = self.x[j], self.jet.d2[j], self.jet.d3[j]
        t = x @ pm
        inner = l2 @ pm.T + np.einsum("bfg,f,eg->be", l3, t, self.theta)
        out = np.einsum("ae,b->abe", np.eye(self.d), l2 @ t) + np.einsum("a,be->abe", x, inner)
        return self.a[j] * out.reshape(self.size, self.d)

    def _outer(self, inner: Array) -> Array:
        """sum_j a_j (x_j x_j') (x) inner_j as a (d c, d c) matrix, one BLAS call a pair b <= f."""
        out = np.empty(
            (self.d, self.c, self.d, self.c), dtype=np.result_type(self.x, inner, self.a)
        )
        for b in range(self.c):
            for f in range(b, self.c):
                out[:, b, :, f] = self.x.T @ ((self.a * inner[:, b, f])[:, None] * self.x)
                out[:, f, :, b] = out[:, b, :, f].T
        return out.reshape(self.size, self.size)
