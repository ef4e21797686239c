"""What a solver did, read off in the eigenvectors of the exact Hessian.

With H v = l v and b the exact right-hand side, an answer of the form x = -sum_v g(l) v v'b has the right
gradient and the right Hessian, and g says what was done instead of 1/l: 1/(l + d) is a damping, 0 a cut,
a constant no inverse at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.evidence import Evidence
from metainfl_reference.certificate import spectrum

Array = np.ndarray


def parts(e: Evidence, by_regulariser: bool = False) -> tuple[Array, Array, Array]:
    """Eigenvalues (r,), and right-hand side and answer in the eigenvectors off the symmetry (r, n).

    `by_regulariser`: in coordinates in which the outer regulariser is the identity, so that l counts it.
    """
    p = e.case.family.n_meta
    scale = np.sqrt(np.broadcast_to(e.case.family.d_out, p)) if by_regulariser else np.ones(p)
    values, vectors = e.case.once(("spectrum", by_regulariser), lambda: _spectrum(e.case, scale))
    b, x = e.case.cross_derivatives(e.pis) / scale[:, None], e.got.T * scale[:, None]
    return values, vectors.T @ b, vectors.T @ x


def _spectrum(case: Case, scale: Array) -> tuple[Array, Array]:
    """Eigenvalues (r,) and eigenvectors (p, r) of the scaled total Hessian off the symmetry."""
    f, s = case.family, case.solution
    return spectrum(s.hessian / np.outer(scale, scale), f.tangent(s.lam), f.name)


def response(
    e: Evidence, *, stray: bool = False, by_regulariser: bool = False
) -> tuple[Array, Array] | None:
    """(l, g(l)) with x = -g(l) b in every eigenvector and row, or None if the answer is no such thing.

    Directions in which no data pull (softmax has some) say nothing of g; `stray` allows any answer there.
    A single row fits some g, whatever it is: it can deny a name, and bears none out (see `borne_out`).
    """
    if e.got.shape[1] != e.case.family.n_meta:
        return None
    values, b, x = parts(e, by_regulariser)
    norms = np.sum(b**2, axis=1)
    seen = norms > 1e-20 * norms.max()
    size = float(np.linalg.norm(x))
    if not stray and np.linalg.norm(x[~seen]) > e.match * size:
        return None
    whole = e.got * np.sqrt(e.case.family.d_out) if by_regulariser else e.got
    outside = float(np.linalg.norm(whole)) ** 2 - size**2
    values, b, x, norms = values[seen], b[seen], x[seen], norms[seen]
    g = -np.sum(x * b, axis=1) / norms
    far = float(np.linalg.norm(x + g[:, None] * b)) ** 2
    far += outside if outside > 1e-12 * size**2 else 0.0
    return (values, g) if far <= (e.match * np.linalg.norm(x)) ** 2 else None


def borne_out(told: Sequence[Evidence]) -> bool:
    """Two cases at least say by several rows that the answers are a function of the Hessian."""
    return len({e.case.name for e in told if len(e.pis) > 1}) >= 2


def distinct(values: Array) -> int:
    """How many of the eigenvalues differ."""
    return 1 + int(np.sum(np.diff(np.sort(values)) > 1e-8 * values.max()))
