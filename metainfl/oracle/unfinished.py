"""Series and iterations that were ended early: what they leave is a residual of a known form.

A series or a stationary iteration leaves r(l) = 1 - l g(l) = (1 - c l)^m; other iterations by a fixed
polynomial at least rise with l from 0 towards 1. CG and its kin leave the point of a Krylov space of b
that is nearest in their own norm.
"""

from __future__ import annotations

import numpy as np

from metainfl.oracle.evidence import Evidence
from metainfl.oracle.response import distinct, parts

Array = np.ndarray
MOST = 2000  # terms of a series that are looked for


def is_rising(values: Array, g: Array) -> bool:
    """Whether l g(l) rises from 0 towards 1, as far as any iteration that converges has come."""
    done = (values * g)[np.argsort(values)]
    rises = bool((np.diff(done) >= -1e-9).all()) and done[0] > -1e-9
    return rises and bool(0.9 <= done[-1] <= 1 + 1e-9)


def is_power(values: Array, g: Array) -> bool:
    """Whether 1 - l g(l) = (1 - c l)^m for one c > 0 and a whole m: so many terms of a series."""
    left = 1 - values * g
    top = int(np.abs(left).argmax()) if np.abs(left).max() > 1 else int(np.argmin(values))
    size = abs(float(left[top]))
    if not 0 < size < np.inf:
        return False
    m = np.arange(1, MOST + 1)
    for sign in (1.0, -1.0):
        c = (1 - sign * size ** (1 / m)) / values[top]
        base = 1 - c[:, None] * values
        with np.errstate(over="ignore", under="ignore"):
            made = np.sign(base) ** m[:, None] * np.abs(base) ** m[:, None]
        far = np.abs(made - left).max(axis=1) / max(1.0, size)
        if bool(((far <= 1e-6) & (c > 0)).any()):
            return True
    return False


def krylov_words(wrong: list[Evidence], right: list[Evidence]) -> list[str]:
    """CG and its kin: the answers lie in small Krylov spaces, and right ones need no larger space.

    Wrong by little more than rounding is an iteration that has just ended: it counts with the right ones.
    """
    left = [e for e in wrong if e.off > e.match]
    steps = [krylov(e) for e in left]
    if not steps or any(m is None for m in steps):
        return []
    most = max(m for m in steps if m is not None)
    ended = [*right, *(e for e in wrong if e.off <= e.match)]
    if any((krylov(e) or distinct(parts(e)[0])) > most for e in ended):
        return []
    return [f"an iterative solve that ended after at most {most} products"]


def krylov(e: Evidence) -> int | None:
    """Fewest products whose Krylov spaces hold the rows; None if that takes all of them."""
    if e.got.shape[1] != e.case.family.n_meta:
        return None
    values, b, x = parts(e)
    every = distinct(values)
    if np.linalg.norm(x) < (1 - 1e-9) * np.linalg.norm(e.got):
        return None
    most = 0
    for i in range(len(e.pis)):
        if np.linalg.norm(x[:, i]) <= 1e-12 * np.linalg.norm(x):
            continue  # padding: what is there is rounding
        basis = b[:, i : i + 1] / max(float(np.linalg.norm(b[:, i])), 1e-300)
        for m in range(1, every):  # noqa: B007
            rest = x[:, i] - basis @ (basis.T @ x[:, i])
            if np.linalg.norm(rest) <= 10 * e.match * np.linalg.norm(x[:, i]):
                if not _iterate(values, b[:, i], x[:, i], basis):
                    return None
                break
            nxt = values * basis[:, -1]
            for _ in range(2):
                nxt = nxt - basis @ (basis.T @ nxt)
            basis = np.column_stack([basis, nxt / max(float(np.linalg.norm(nxt)), 1e-300)])
        else:
            return None
        most = max(most, m)
    return most or None


def _iterate(values: Array, b: Array, x: Array, basis: Array) -> bool:
    """Whether x is what CG or MINRES has in this space for -H^{-1} b; a multiple of b alone is neither."""
    moved = values[:, None] * basis
    cg = -basis @ np.linalg.solve(basis.T @ moved, basis.T @ b)
    minres = -basis @ np.linalg.lstsq(moved, b, rcond=None)[0]
    size = float(np.linalg.norm(x))
    return any(float(np.linalg.norm(x - y)) <= 1e-5 * size for y in (cg, minres))
