"""Dampings, wanted or not: what was added to the exact Hessian before it was inverted.

d I, d outer_reg, or d diag(H) (Levenberg-Marquardt in Marquardt's scaling).
"""

from __future__ import annotations

import numpy as np

from metainfl.oracle.evidence import Evidence
from metainfl.oracle.response import borne_out, parts, response
from metainfl.oracle.variants.parts import solve

Array = np.ndarray
CHANGING = "the truth with a damping that changes from problem to problem"
UNREGULARISED = "equals the truth without the outer regulariser in the inverse"


def damping(e: Evidence, *, by_regulariser: bool = False) -> float | None:
    """The d of 1/(l + d), if the answer is that: of d I, or `by_regulariser` of d outer_reg.

    Without outer_reg the Hessian is singular where no data pull: what a solve returns there is rounding.
    """
    if by_regulariser and not np.all(e.case.family.d_out):
        return _of_some(e)
    found = response(e, stray=True, by_regulariser=by_regulariser)
    if found is None or (found[1] == 0).any():
        return None
    values, g = found
    low = np.argsort(values)[: max(1, len(values) // 4)]  # where it weighs most
    d = float(np.median((1 / g - values)[low]))
    fits = np.abs(g * (values + d) - 1).max() <= 10 * e.match
    if not fits or not abs(d) > 0:
        return None
    reg = 1.0 if by_regulariser else e.case.family.d_out
    singular = np.ndim(reg) == 0 and abs(d / float(reg) + 1) <= 1e-6
    return d if singular or response(e, by_regulariser=by_regulariser) is not None else None


def damping_words(wrong: list[Evidence]) -> list[str]:
    """One damping for all; a blown-up answer says only that a regulariser may be missing."""
    told = [e for e in wrong if not _blown_up(e)]
    if not borne_out(told):
        return []
    ratios = [damping(e, by_regulariser=True) for e in told]
    words = [] if None in ratios else _ratio_words(np.array(ratios, dtype=float))
    if not words:
        dampings = [damping(e) for e in told]
        words = [] if None in dampings else _damping_words(told, np.array(dampings, dtype=float))
    return words if len(told) == len(wrong) or words == [UNREGULARISED] else []


def _blown_up(e: Evidence) -> bool:
    """H - outer_reg I is singular and the answer rounding multiplied: another solve would have raised."""
    if e.off < 1e6 or e.got.shape[1] != e.case.family.n_meta:
        return False
    reg = e.case.family.d_out
    if not np.all(reg):
        left = np.abs(np.linalg.eigvalsh(e.case.solution.hessian - np.diag(reg)))
        return bool(left.min() <= 1e-9 * left.max())
    values = parts(e, by_regulariser=True)[0]
    return bool(np.abs(values - 1).min() <= 1e-9 * values.max())


def _of_some(e: Evidence) -> float | None:
    """As `damping` by a regulariser that is 0 for some parameters: no coordinates make it the identity."""
    d, left = _added(e, np.diag(e.case.family.d_out))
    if abs(d + 1) <= 1e-6:  # singular perhaps: any solution
        return d if left <= 10 * e.match else None
    h, b = e.case.solution.hessian, e.case.cross_derivatives(e.pis)
    return (
        d
        if abs(d) > 0 and e.equals(solve(e.case, h + d * np.diag(e.case.family.d_out), b))
        else None
    )


def _added(e: Evidence, matrix: Array) -> tuple[float, float]:
    """The d of (H + d matrix) x = -b that fits best, and what it leaves beside |H x|; nan of no such x."""
    h, b = e.case.solution.hessian, e.case.cross_derivatives(e.pis)
    if e.got.shape[1] != len(h):
        return float("nan"), float("inf")
    off = e.case.family.tangent(e.case.solution.lam)
    added, left = (m - off @ (off.T @ m) for m in (matrix @ e.got.T, h @ e.got.T + b))
    d = -float(np.sum(added * left) / max(float(np.sum(added**2)), 1e-300))
    size = max(float(np.linalg.norm(h, 2) * np.linalg.norm(e.got)), 1e-300)
    return d, float(np.linalg.norm(left + d * added)) / size


def _same(x: Array, value: float | None = None) -> bool:
    middle = float(np.median(x)) if value is None else value
    return bool(np.abs(x - middle).max() <= 1e-2 * abs(middle))


def _ratio_words(d: Array) -> list[str]:
    """What d times outer_reg was added."""
    if _same(d, -1.0):
        return [UNREGULARISED]
    if _same(d, 1.0):
        return ["the truth with the outer regulariser counted twice"]
    return [f"the truth with a damping of {np.median(d):.3g} times outer_reg"] if _same(d) else []


def _damping_words(wrong: list[Evidence], d: Array) -> list[str]:
    mean = np.array([np.trace(e.case.solution.hessian) / e.case.family.n_meta for e in wrong])
    if _same(d):
        return [f"the truth with an extra damping of {np.median(d):.3g}"]
    if _same(d / mean):
        return [f"the truth with a damping of {np.median(d / mean):.3g} times the mean eigenvalue"]
    return [CHANGING]


def diagonal_words(told: list[Evidence]) -> list[str]:
    """One multiple of the Hessian's diagonal for all, each answer its solution."""
    if not borne_out(told):
        return []
    found = np.array([_of_the_diagonal(e) for e in told])
    if not np.isfinite(found).all() or not _same(found):
        return []
    return [f"the truth with a damping of {np.median(found):.3g} times the Hessian's diagonal"]


def _of_the_diagonal(e: Evidence) -> float:
    """The d of (H + d diag(H)) x = -b; nan where the answer is no such x."""
    h, b = e.case.solution.hessian, e.case.cross_derivatives(e.pis)
    weights = np.diag(np.diag(h))
    d, _ = _added(e, weights)
    return d if np.isfinite(d) and e.equals(solve(e.case, h + d * weights, b)) else float("nan")
