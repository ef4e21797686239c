"""Extreme eigenvalues and leading eigenvectors by Lanczos with full reorthogonalisation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.errors import Interrupted
from metainfl.solve.operator import SymmetricOperator


@dataclass(frozen=True)
class Spectrum:
    """Ritz values (ascending) and vectors (p, k), with the residual |A u - s u| of each."""

    values: Tensor
    vectors: Tensor
    residuals: Tensor

    @property
    def high(self) -> float:
        """An upper bound on the largest eigenvalue, to the residual of its Ritz pair."""
        return float(self.values[-1] + self.residuals[-1])

    @property
    def low(self) -> float:
        """An estimate of the smallest eigenvalue, from above; exact once k reaches p."""
        return float(self.values[0])


def lanczos(
    a: SymmetricOperator, steps: int, seed: int = 0, *, off: Tensor | None = None
) -> Spectrum:
    """`steps` products with A; fewer when the Krylov space is exhausted. Deterministic by seed.

    With an orthonormal `off` (p, f) that A leaves apart (a deflated operator), only the rest is seen.
    """
    steps = min(steps, a.size)
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(a.size, generator=generator, dtype=torch.float64).to(a.like)
    if off is not None:
        q = q - off @ (off.T @ q)
    basis = [q / q.norm()]
    diagonal: list[Tensor] = []
    side: list[Tensor] = []
    eps = torch.finfo(a.like.dtype).eps
    for _ in range(steps):
        try:
            w = a @ basis[-1]
        except KeyboardInterrupt:
            if not diagonal:
                raise
            part = _ritz(diagonal, side, basis)
            raise Interrupted(f"Lanczos interrupted after {len(diagonal)} steps", part) from None
        diagonal.append(basis[-1] @ w)
        seen = torch.stack(basis, dim=1)
        for _ in range(2):  # twice is enough
            w = w - seen @ (seen.T @ w)
        side.append(w.norm())
        if float(side[-1]) <= eps * a.size * float(torch.stack(diagonal).abs().max()):
            break
        basis.append(w / side[-1])
    return _ritz(diagonal, side, basis)


def _ritz(diagonal: list[Tensor], off: list[Tensor], basis: list[Tensor]) -> Spectrum:
    """Ritz pairs of the tridiagonal matrix so far."""
    k = len(diagonal)
    t = torch.diag(torch.stack(diagonal))
    if k > 1:
        side = torch.stack(off[: k - 1])
        t = t + torch.diag(side, 1) + torch.diag(side, -1)
    values, inner = torch.linalg.eigh(t)
    vectors = torch.stack(basis[:k], dim=1) @ inner
    return Spectrum(values, vectors, off[k - 1] * inner[-1].abs())
