"""The same formulas in a wider floating-point format: how an answer's own rounding is measured.

The families' formulas are written for any number type: complex numbers give complex steps, `WIDE`
numbers give answers with 11 bits more (80-bit extended precision on x86, quadruple elsewhere). Two
evaluations of one formula differ by the rounding of the narrow one, on every row, also where a row is
lost to cancellation: nothing has to be assumed about which operation lost the digits, and condition
numbers enter as they act, not as products of worst cases.

`solve` is the one place where a format matters: LAPACK has float64 only, so that the wide solution is
found by iterative refinement with wide residuals.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from metainfl_reference.errors import NotCertified

Array = np.ndarray
WIDE = np.longdouble
EPS = float(np.finfo(np.float64).eps)
# What the wide format leaves of a float64 rounding error; 1 where there is no wider format.
LEFT = float(np.finfo(WIDE).eps) / EPS
T = TypeVar("T")


def available() -> bool:
    """Whether this machine has a format wider than float64."""
    return LEFT < 2**-8


def eps_of(x: Array) -> float:
    """The unit roundoff of x's format."""
    return float(np.finfo(x.dtype).eps)


def is_wide(x: Array) -> bool:
    """Whether x is in the wide format, real or complex."""
    return x.dtype.type in (np.longdouble, np.clongdouble) and available()


def lifted(x: T) -> T:
    """Weights or a task with every array in the wide format."""
    return replace(x, **{n: np.asarray(a, WIDE) for n, a in vars(x).items()})  # type: ignore[type-var]


def lifted_family(family: T) -> T:
    """The same family on the same data, in the wide format; its options are numbers and stay exact."""
    out: Any = copy.copy(family)
    out.episodes = copy.copy(out.episodes)
    for name, a in vars(out.episodes).items():
        object.__setattr__(out.episodes, name, np.asarray(a, WIDE))  # frozen, and a copy of our own
    return out


def solve(a: Array, b: Array) -> Array:
    """a^{-1} b, by LAPACK in float64 and complex128, by refinement of it in the wide format."""
    if not (is_wide(a) or is_wide(b)):
        return np.linalg.solve(a, b)
    kind = np.result_type(a, b)
    if not a.size:
        return np.zeros(b.shape, kind)
    narrow = complex if kind.kind == "c" else float
    factors, x, before = lu_factor(a.astype(narrow)), np.zeros(b.shape, kind), np.inf
    size = float(np.abs(b).max(initial=0))
    if size == 0:
        return x
    for _ in range(60):
        residual = b - a @ x
        scale = WIDE(
            max(float(np.abs(residual).max()), 1e-300)
        )  # small residuals keep their digits
        step = scale * lu_solve(factors, (residual / scale).astype(narrow))
        moved = float(np.abs(step).max())
        if not np.isfinite(moved) or moved > 0.5 * before:
            break
        x, before = x + step, moved
        if moved <= 0.25 * eps_of(x) * float(np.abs(x).max()):
            break
    reached = before / float(np.abs(x).max()) if np.any(x) else np.inf
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
