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

from metainfl.errors import InvalidOption, NotConverged, NotFinite, SingularHessian
from metainfl.solve.finite import finite_columns
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import suggested

#: a function of eigenvalues (k,), in float64
Function = Callable[[Tensor], Tensor]
LOOSE = 0.01  # of an answer that may hang on the rounding of an eigenvalue
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

    Change is relative to the answer itself. Columns share products, nothing else. Raises `NotConverged`
    after `max_steps`, `NotFinite` for a b or an f(eigenvalue) that is NaN or infinite, and `SingularHessian`
    where an answer hangs on an eigenvalue that is zero to rounding, as 1/x does.
    """
    if not 0 < rtol < 1 or max_steps < 1:
        raise InvalidOption(f"rtol lies in (0, 1), max_steps is positive; got {rtol}, {max_steps}")
    columns = b[:, None] if b.ndim == 1 else b
    finite_columns(columns, "vector b", "look at the gradient that it is")
    runs = [_Column(c, fs, rtol) for c in columns.T]
    for k in range(1, len(b) + 1):
        active = [r for r in runs if r.answers is None]
        if not active or k > max_steps:
            break
        images = a @ torch.stack([r.basis[-1] for r in active], dim=1)
        for run, image in zip(active, images.T, strict=True):
            run.advance(image, look=k % EVERY == 0 or k == max_steps)
    found = [r.answers for r in runs if r.answers is not None]
    if len(found) < len(runs):
        for run in runs:
            if run.answers is None:
                run.require_values()
        raise NotConverged(
            f"a function of the operator still changes by more than {rtol:g} after {max_steps} products: "
            "allow more (max_steps=), or damp the operator where the function is steep",
        )
    return [torch.stack([x[i] for x in found], dim=1).reshape(b.shape) for i in range(len(fs))]


class _Column:
    """The recurrence from one b; `answers` once they are settled."""

    def __init__(self, b: Tensor, fs: Sequence[Function], rtol: float) -> None:
        self.fs, self.rtol, self.size = fs, rtol, float(b.norm())
        self.answers = None if self.size > 0 else [torch.zeros_like(b) for _ in fs]
        self.basis = [b / self.size] if self.size > 0 else []
        self.diagonal: list[float] = []
        self.off: list[float] = []
        self.scale, self.before = 0.0, list[Tensor]()

    def advance(self, image: Tensor, look: bool) -> None:
        """One step, from A times the last direction."""
        self.diagonal.append(float(self.basis[-1] @ image))
        seen, w, n = torch.stack(self.basis, dim=1), image, len(image)
        for _ in range(2):  # twice is enough
            w = w - seen @ (seen.T @ w)
        left = float(w.norm())
        self.scale = max(self.scale, abs(self.diagonal[-1]), left)
        eps = float(torch.finfo(w.dtype).eps)
        spent = left <= n * eps * self.scale or len(self.basis) == n
        if spent or look:
            now = _weights(self.diagonal, self.off, self.fs)
            if spent or (self.before and _settled(self.before, now, self.rtol)):
                self.require_values()
                self.require_resolved()
                self.answers = [self.size * (seen @ c.to(w)) for c in now]
                return
            self.before = now
        self.off.append(left)
        self.basis.append(w / left)

    def require_values(self) -> None:
        """Raises `NotFinite` where a function has no value at an eigenvalue that was found."""
        values = _ritz(self.diagonal, self.off)[0]
        for i, f in enumerate(self.fs):
            bad = ~torch.isfinite(f(values))
            if bool(bad.any()):
                at = int(bad.nonzero()[0])
                raise NotFinite(
                    f"function {i} is {float(f(values)[at])} at the eigenvalue {float(values[at]):.3g} of "
                    "the operator: damp the operator (damped()), or give a function that has a value there",
                    quantity="function of an eigenvalue",
                )

    def require_resolved(self) -> None:
        """Raises `SingularHessian` where an answer hangs on the rounding of an eigenvalue near zero."""
        values, vectors = _ritz(self.diagonal, self.off)
        eps = float(torch.finfo(self.basis[0].dtype).eps)
        zero = eps * len(self.basis[0]) * self.scale
        near = values.abs() <= zero
        for i, f in enumerate(self.fs):
            parts = f(values) * vectors[0]
            moved = (f(torch.full_like(values, zero)) * vectors[0] - parts)[near]
            if not float(moved.norm()) <= LOOSE * float(parts.norm()):
                low, high = float(values[near][0]), float(values[-1])
                damping = suggested(low, high, eps)
                raise SingularHessian(
                    f"function {i} hangs on the eigenvalue {low:.3g} of the operator, which is zero to "
                    f"rounding (largest {high:.3g}): damp the operator by {damping:.2g} (damped()), or give "
                    "another function",
                    lowest=low,
                    highest=high,
                    damping=damping,
                )


def _ritz(diagonal: list[float], off: list[float]) -> tuple[Tensor, Tensor]:
    """Eigenvalues (ascending) and eigenvectors of the tridiagonal T."""
    n = len(diagonal)
    d, e = (torch.tensor(x, dtype=torch.float64, device="cpu") for x in (diagonal, off[: n - 1]))
    values, vectors = torch.linalg.eigh(torch.diag(d) + torch.diag(e, 1) + torch.diag(e, -1))
    return values, vectors


def _weights(diagonal: list[float], off: list[float], fs: Sequence[Function]) -> list[Tensor]:
    """f(T) e_1 of the tridiagonal T, for each f."""
    values, vectors = _ritz(diagonal, off)
    return [vectors @ (f(values) * vectors[0]) for f in fs]


def _settled(before: list[Tensor], after: list[Tensor], rtol: float) -> bool:
    """The basis is orthonormal: a change of the coefficients is a change of the answer."""
    for old, new in zip(before, after, strict=True):
        gap = new.clone()
        gap[: len(old)] -= old
        if not float(gap.norm()) <= rtol * float(new.norm()):
            return False
    return True
