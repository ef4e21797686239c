"""Known symmetries of F: directions along which lam moves without changing the objective.

The total Hessian is singular along them. Influence is defined off them (002, eq. 12): the
minimum-norm solution, which has no component in the orbit. `metainfl.symmetry.find` looks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem

Symmetry = Callable[[Tensor], Tensor]


def orthogonal(rank: int) -> Symmetry:
    """The orbit of lam = Lam (rank, d) under Q Lam, Q orthogonal: basis (p, rank (rank-1)/2).

    Linear representations with a ridge head, and prototypes with a linear embedding, have it.
    """

    def tangent(lam: Tensor) -> Tensor:
        if rank < 1 or len(lam) % rank:
            raise InvalidProblem(
                f"symmetry orthogonal({rank}) takes lam for a matrix of {rank} rows, but lam has {len(lam)} "
                "numbers: give the number of rows of the representation"
            )
        return spanned(lam, turns(lam.reshape(rank, -1)))

    return tangent


def last_layer(start: int, rows: int, columns: int, bias: int | None = None) -> Symmetry:
    """The orbit of a layer (rows, columns) that stands at `start` of lam, its bias at `bias`, turned in
    output space: squared distances between its outputs do not change (prototypes with any embedding).
    """

    def tangent(lam: Tensor) -> Tensor:
        ends = [start + rows * columns, 0 if bias is None else bias + rows]
        if min(start, rows, columns, bias or 0) < 0 or max(ends) > len(lam):
            raise InvalidProblem(
                f"symmetry last_layer({start}, {rows}, {columns}, {bias}) reads up to number {max(ends)} of "
                f"lam, which has {len(lam)}: give where the layer's weight and bias stand in lam"
            )
        places = [torch.arange(start, start + rows * columns, device="cpu").reshape(rows, columns)]
        if bias is not None:
            places.append(torch.arange(bias, bias + rows, device="cpu")[:, None])
        where = torch.cat(places, dim=1).to(lam.device)
        moves = []
        for turn in turns(lam[where]):
            move = torch.zeros_like(lam)
            move[where.reshape(-1)] = turn
            moves.append(move)
        return spanned(lam, moves)

    return tangent


def together(symmetries: Sequence[Symmetry]) -> Symmetry:
    """The directions of all of them."""

    def tangent(lam: Tensor) -> Tensor:
        return spanned(lam, [row for s in symmetries for row in s(lam).T])

    return tangent


def turns(rows: Tensor) -> list[Tensor]:
    """Derivatives of Q rows in Q at the identity, flattened: one for each pair of rows."""
    moves = []
    for a in range(len(rows)):
        for b in range(a):
            move = torch.zeros_like(rows)
            move[a], move[b] = rows[b], -rows[a]
            moves.append(move.reshape(-1))
    return moves


def spanned(lam: Tensor, moves: Sequence[Tensor]) -> Tensor:
    """An orthonormal basis (p, f) of what the moves span."""
    if len(moves) == 0:
        return lam.new_zeros(len(lam), 0)
    u, s, _ = torch.linalg.svd(torch.stack(list(moves), dim=1), full_matrices=False)
    return u[:, s > torch.finfo(lam.dtype).eps * len(lam) * s.max()]


def orthonormal(lam: Tensor, directions: Tensor) -> Tensor:
    """An orthonormal basis (p, f) of the `directions` (p, k) of a symmetry at lam; itself if it is one.

    Columns that are zero, or depend on others to rounding, are dropped.
    """
    basis, eps = directions.detach().to(lam), torch.finfo(lam.dtype).eps
    gram = basis.T @ basis
    if bool(((gram - torch.eye(len(gram), device="cpu").to(gram)).abs() <= len(lam) * eps).all()):
        return basis
    basis = basis / basis.abs().amax(0).clamp(min=torch.finfo(lam.dtype).tiny)
    basis = basis[:, basis.any(0)]
    if basis.shape[1] == 0:
        return basis
    u, s, _ = torch.linalg.svd(basis / basis.norm(dim=0), full_matrices=False)
    return u[:, s > eps**0.75 * s.max()]
