"""Families whose lam is a linear map Lam (r, d) that an orthogonal Q moves without changing F."""

from __future__ import annotations

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.linear import orthonormal

Array = np.ndarray


class OrthogonalFamily(Family):
    """F(Q Lam) = F(Lam): r (r - 1) / 2 flat directions, and zero is stationary but no minimum."""

    def __init__(
        self, episodes: Episodes, *, d_in: float, d_out: float, rank: int = 2, seed: int = 0
    ) -> None:
        """`rank` is r, `seed` draws the start of the first solve."""
        super().__init__(episodes, d_in=d_in, d_out=d_out)
        self.d = episodes.query_x.shape[2]
        if not 1 <= rank <= self.d:
            raise InvalidProblem(f"rank must be between 1 and the {self.d} features, got {rank}")
        self.rank, self.seed = rank, seed

    @property
    def n_meta(self) -> int:
        """r d."""
        return self.rank * self.d

    def tangent(self, lam: Array) -> Array:
        """Orthonormal basis (r d, r(r-1)/2) of {S Lam : S skew}, the orbit of Lam under Q Lam."""
        rows, moves = lam.reshape(self.rank, self.d), []
        for a in range(self.rank):
            for b in range(a):
                s = np.zeros((self.rank, self.rank))
                s[a, b], s[b, a] = 1, -1
                moves.append((s @ rows).reshape(-1))
        if not moves:
            return np.zeros((lam.size, 0))
        return orthonormal(np.stack(moves, axis=1))

    def initial(self) -> Array:
        """A random start."""
        return np.random.default_rng(self.seed).standard_normal(self.n_meta)
