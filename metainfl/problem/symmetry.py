"""Known symmetries of F: directions along which lam moves without changing the objective.

The total Hessian is singular along them. Influence is defined off them (002, eq. 12): the
minimum-norm solution, which has no component in the orbit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Symmetry = Callable[[Tensor], Tensor]


def orthogonal(rank: int) -> Symmetry:
    """The orbit of lam = Lam (rank, d) under Q Lam, Q orthogonal: basis (p, rank (rank-1)/2).

    Linear representations with a ridge head, and prototypes with a linear embedding, have it.
    """

    def tangent(lam: Tensor) -> Tensor:
        rows = lam.reshape(rank, -1)
        moves = []
        for a in range(rank):
            for b in range(a):
                move = torch.zeros_like(rows)
                move[a], move[b] = rows[b], -rows[a]
                moves.append(move.reshape(-1))
        if not moves:
            return lam.new_zeros(len(lam), 0)
        return torch.linalg.qr(torch.stack(moves, dim=1))[0]

    return tangent
