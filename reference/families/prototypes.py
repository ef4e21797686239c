"""Prototypical networks (002, section 3) with a linear embedding, e = Lam x, Lam (r, d).

    C_k = sum_j u_j y_jk Lam x_j / sum_j u_j y_jk = Lam m_k         (the prototype of class k)
    s_jk = -|Lam x_j - C_k|^2,     L_O = sum_j v_j CE(s_j, y_j)

z = C (c, r), G = C - M Lam' with M (c, d) the class means. With h_jk = Lam x_j - C_k:
    ds_k/dLam = -2 h_k x',   ds_k/dC_k = 2 h_k
    d2 s_k:  LamLam -2 I (x) x x',   Lam C_k 2 I (x) x,   C_k C_k -2 I
    dM_k/du_j = y_jk (x_j - m_k) / n_k,    n_k = sum_j u_j y_jk
Distances do not see an orthogonal map of the embedding: H has r(r-1)/2 zero eigenvalues.
(Paper 002 prints the class probability with exp(+d); a distance needs the minus sign used here.)
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.local import ReducedLocal, Side, TaskData
from metainfl_reference.losses import Jet
from metainfl_reference.orthogonal import OrthogonalFamily
from metainfl_reference.reduced import Blocks, Curved, Direction
from metainfl_reference.wide import real

Array = np.ndarray


class Prototypes(OrthogonalFamily):
    """Metric-based adaptation; not convex, with known flat directions."""

    name = "prototypes"

    def __init__(
        self, episodes: Episodes, *, d_out: float = 1.0, rank: int = 2, seed: int = 0
    ) -> None:
        """`rank` is r, `seed` draws the start of the first solve."""
        super().__init__(episodes, d_in=0.0, d_out=d_out, rank=rank, seed=seed)

    def local(self, data: TaskData, lam: Array) -> PrototypeLocal:
        """One task."""
        return PrototypeLocal(data, lam.reshape(self.rank, self.d))


class PrototypeLocal(ReducedLocal):
    """z = C (c r,); joint derivatives of the logits are taken in y = (Lam, C)."""

    def __init__(self, data: TaskData, lam: Array) -> None:
        self.data, self.lam = data, lam
        self.r, self.d = lam.shape
        self.c = data.query_y.shape[1]
        self.n = data.u @ data.support_y
        if np.any(real(self.n) <= 0):
            empty = int(np.flatnonzero(real(self.n) <= 0)[0])
            raise InvalidProblem(f"class {empty} has no support weight: its prototype is undefined")
        self.m = ((data.u[:, None] * data.support_y).T @ data.support_x) / self.n[:, None]
        self.centres = self.m @ lam.T
        self.theta = self.centres.reshape(-1)
        self.h = (data.query_x @ lam.T)[:, None, :] - self.centres
        self.jet = Jet("softmax", -np.sum(self.h**2, axis=2), data.query_y)
        self.loss = data.v @ self.jet.value

    def _slopes(self, j: int) -> Array:
        """ds_j/dy (c, r d + c r)."""
        h, x = self.h[j], self.data.query_x[j]
        by_lam = -2 * np.einsum("ka,e->kae", h, x).reshape(self.c, -1)
        by_c = 2 * np.einsum("kl,ka->kla", np.eye(self.c), h).reshape(self.c, -1)
        return np.concatenate([by_lam, by_c], axis=1)

    def blocks(self) -> Blocks:
        """Q_y = sum v S'l'; G_C = I, G_Lam = -(M (x) I)."""
        q = sum(v * self._slopes(j).T @ self.jet.d1[j] for j, v in enumerate(self.data.v))
        g_l = -np.einsum("ab,ke->kabe", np.eye(self.r), self.m).reshape(self.c * self.r, -1)
        n = self.r * self.d
        return Blocks(self.loss, q[:n], q[n:], g_l, np.eye(self.c * self.r))

    def curved(self, mu: Array) -> Curved:
        """Sum v (S'l''S + sum_k l'_k d2 s_k); mu . G is linear in Lam and C."""
        n, size, eye = self.r * self.d, self.r * (self.d + self.c), np.eye(self.r)
        v, x, l1 = self.data.v, self.data.query_x, self.jet.d1
        s = np.stack([self._slopes(j) for j in range(len(v))])
        bent = (v[:, None, None] * self.jet.d2) @ s
        out = s.reshape(-1, size).T @ bent.reshape(-1, size)
        out[:n, :n] += np.kron(eye, x.T @ ((-2 * v * l1.sum(axis=1))[:, None] * x))
        mixed = np.einsum("ab,ek->aekb", eye, 2 * (v[:, None] * x).T @ l1).reshape(n, -1)
        out[:n, n:] += mixed
        out[n:, :n] += mixed.T
        out[n:, n:] += np.kron(np.diag(-2 * v @ l1), eye)
        return Curved(out[:n, :n], out[:n, n:], out[n:, n:])

    def support_direction(self, mu: Array) -> Direction:
        """G_u = -Lam dM/du; mu . G_Lam,u = -mu_k (dM_k/du)'."""
        gap = self.data.support_x[:, None, :] - self.m
        moves = (self.data.support_y / self.n)[:, :, None] * gap  # dM/du (n_s, c, d)
        return self._means(mu, np.moveaxis(moves, 0, 2))

    def query_direction(self) -> Direction:
        """Q_yv = S'l'."""
        cols = [self._slopes(j).T @ self.jet.d1[j] for j in range(len(self.data.v))]
        return self._query(np.stack(cols, axis=1))

    def input_direction(self, mu: Array, side: Side, j: int) -> Direction:
        """Support: dM_k/dx = u_j y_jk / n_k I; query: v (S'l'' ds/dx + sum_k l'_k d2 s_k/dy dx)."""
        if side == "support":
            share = self.data.u[j] * self.data.support_y[j] / self.n
            return self._means(mu, np.einsum("k,de->kde", share, np.eye(self.d)))
        v, x, h, l1 = self.data.v[j], self.data.query_x[j], self.h[j], self.jet.d1[j]
        by_x = -2 * h @ self.lam
        out = self._slopes(j).T @ self.jet.d2[j] @ by_x
        lam_x = np.einsum("ag,e->aeg", self.lam * l1.sum(), x)
        lam_x = lam_x + np.einsum("a,eg->aeg", l1 @ h, np.eye(self.d))
        c_x = np.einsum("k,ag->kag", l1, self.lam)
        out = out + np.concatenate([-2 * lam_x.reshape(-1, self.d), 2 * c_x.reshape(-1, self.d)])
        return self._query(v * out)

    def _means(self, mu: Array, moves: Array) -> Direction:
        """A change `moves` (c, d, k) of the class means M."""
        k = moves.shape[2]
        p = mu.reshape(self.c, self.r)
        g = -np.einsum("ae,kei->kai", self.lam, moves).reshape(-1, k)
        lag_l = -np.einsum("ka,kei->aei", p, moves).reshape(-1, k)
        return Direction(lag_l, np.zeros_like(g), g)

    def _query(self, q: Array) -> Direction:
        """A change of Q_y alone."""
        n = self.r * self.d
        return Direction(q[:n], q[n:], np.zeros_like(q[n:]))
