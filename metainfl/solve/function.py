"""f(A) b for a symmetric A known by products, by Lanczos from b with full reorthogonalisation.

    f(A) b ~ |b| Q f(Q'AQ) e_1,      Q an orthonormal basis of span(b, Ab, A^2 b, ...)
Exact once the Krylov space is exhausted; before, the error is that of the best polynomial of degree k to f
on the spectrum, up to a factor of two. One product a step serves any number of functions. Golub and
Meurant 2010, section 4; Higham 2008, section 13.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidOption, NotConverged
from metainfl.solve.operator import SymmetricOperator

#: a function of eigenvalues (k,), in float64
Function = Callable[[Tensor], Tensor]
EVERY = 5  # steps between two looks at how much the answers still change


def functions(
    a: SymmetricOperator,
    b: Tensor,
    fs: Sequence[Function],
    *,
    rtol: float = 1e-8,
    max_steps: int = 1000,
) -> list[Tensor]:
    """f(A) b for each f, shaped as b (p,) or (p, k), until no answer changes by more than rtol in 5 steps.

    Change is relative to the largest answer of its f so far. Raises `NotConverged` after `max_steps`.
    """
    if not 0 < rtol < 1 or max_steps < 1:
        raise InvalidOption(f"rtol lies in (0, 1), max_steps is positive; got {rtol}, {max_steps}")
    columns = b[:, None] if b.ndim == 1 else b
    found = [_one(a, c, fs, rtol, max_steps) for c in columns.T]
    return [torch.stack([f[i] for f in found], dim=1).reshape(b.shape) for i in range(len(fs))]


def _one(
    a: SymmetricOperator, b: Tensor, fs: Sequence[Function], rtol: float, max_steps: int
) -> list[Tensor]:
    size = b.norm()
    if not size > 0:
        return [torch.zeros_like(b) for _ in fs]
    eps, most = torch.finfo(b.dtype).eps, min(max_steps, len(b))
    basis = [b / size]
    diagonal: list[float] = []
    off: list[float] = []
    scale, before = 0.0, None
    for k in range(1, len(b) + 1):
        w = a @ basis[-1]
        diagonal.append(float(basis[-1] @ w))
        seen = torch.stack(basis, dim=1)
        for _ in range(2):  # twice is enough
            w = w - seen @ (seen.T @ w)
        left = float(w.norm())
        scale = max(scale, abs(diagonal[-1]), left)
        spent = left <= len(b) * eps * scale or k == len(b)
        if spent or k % EVERY == 0 or k == most:
            weights = _weights(diagonal, off, fs)
            if spent or (before is not None and _settled(before, weights, rtol)):
                return [float(size) * (seen @ c.to(b)) for c in weights]
            before = weights
        if k == most:
            break
        off.append(left)
        basis.append(w / left)
    raise NotConverged(
        f"a function of the operator still changes by more than {rtol:g} after {most} products: allow "
        "more (max_steps=), or damp the operator where the function is steep",
    )


def _weights(diagonal: list[float], off: list[float], fs: Sequence[Function]) -> list[Tensor]:
    """f(T) e_1 of the tridiagonal T, for each f."""
    d, e = (torch.tensor(x, dtype=torch.float64) for x in (diagonal, off))
    values, vectors = torch.linalg.eigh(torch.diag(d) + torch.diag(e, 1) + torch.diag(e, -1))
    return [vectors @ (f(values) * vectors[0]) for f in fs]


def _settled(before: list[Tensor], after: list[Tensor], rtol: float) -> bool:
    """The basis is orthonormal: a change of the coefficients is a change of the answer."""
    for old, new in zip(before, after, strict=True):
        gap = new.clone()
        gap[: len(old)] -= old
        if not float(gap.norm()) <= rtol * float(new.norm()):
            return False
    return True
