"""Linear algebra for any format: LAPACK has float64 and complex128, the rest is refined from them."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from metainfl_reference.errors import NotCertified
from metainfl_reference.wide import eps_of, is_wide, narrow, widened

Array = np.ndarray


def solve(a: Array, b: Array) -> Array:
    """a^{-1} b, by LAPACK in float64 and complex128, by refinement of it in the wide format."""
    if not (is_wide(a) or is_wide(b)):
        return np.linalg.solve(a, b)
    kind = np.result_type(a, b)
    if not a.size or not np.any(b != 0):
        return np.zeros(b.shape, kind)
    factors, x, before = lu_factor(narrow(a)), np.zeros(b.shape, kind), np.inf
    for _ in range(60):
        residual = b - a @ x
        scale = widened(max(float(np.abs(residual).max()), 1e-300))  # small residuals keep digits
        step = scale * lu_solve(factors, narrow(residual / scale))
        moved = float(np.abs(step).max())
        if not np.isfinite(moved) or moved > 0.5 * before:
            break
        x, before = x + step, moved
        if moved <= 0.25 * eps_of(x) * float(np.abs(x).max()):
            break
    reached = before / float(np.abs(x).max()) if np.any(x != 0) else np.inf
    if not reached <= 1e-6:  # where it stalls, condition * eps of the format is left
        raise NotCertified(
            f"a linear system is too ill-conditioned for float64 (refinement stalls at {reached:.1g} "
            "relative); raise the regulariser"
        )
    return x


def orthonormal(columns: Array) -> Array:
    """An orthonormal basis of the columns' span, by Gram-Schmidt done twice, in their own format.

    A column that the others span, to rounding, is left out.
    """
    out: list[Array] = []
    for c in columns.T:
        before = np.sqrt(c @ c)
        for _ in range(2):
            for q in out:
                c = c - (q @ c) * q
        left = np.sqrt(c @ c)
        if left > 64 * eps_of(columns) * before:
            out.append(c / left)
    return np.stack(out, axis=1) if out else columns[:, :0]
