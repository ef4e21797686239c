"""Faults of the solver, read off in the eigenvectors of the exact Hessian.

With H v = l v and b the exact right-hand side, an answer of the form x = -sum_v g(l) v v'b has the right
gradient and the right Hessian, and g says what was done instead of 1/l: 1/(l + d) is a damping, 0 a cut,
a constant no inverse at all. An answer in the Krylov space of b after m < p products was ended early.

Where other answers are right, a name stands only if it would leave them right: m products reach those, or
their Hessians are kinder (of smaller condition number) than every one that was got wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.evidence import Evidence
from metainfl_reference.certificate import spectrum

Array = np.ndarray
DROPPED = "a pseudo-inverse that drops eigenvalues that are not zero"
FLOORED = "eigenvalues floored, clipped or approximated in part of the spectrum"
UNFINISHED = "the right Hessian and right-hand side, but a series or iteration that is not done"
UNREGULARISED = "equals the truth without the outer regulariser in the inverse"
#: what leaves a kind Hessian's answer right
OF_THE_SPECTRUM = (DROPPED, FLOORED, UNFINISHED)


def parts(e: Evidence) -> tuple[Array, Array, Array]:
    """Eigenvalues (r,), and right-hand side and answer in the eigenvectors off the symmetry (r, n)."""
    f, s = e.case.family, e.case.solution
    values, vectors = spectrum(s.hessian, f.tangent(s.lam), f.name)
    return values, vectors.T @ e.case.cross_derivatives(e.pis), vectors.T @ e.got.T


def response(e: Evidence, *, stray: bool = False) -> tuple[Array, Array] | None:
    """(l, g(l)) with x = -g(l) b in every eigenvector and row, or None if the answer is no such thing.

    Directions in which no data pull (softmax has some) say nothing of g; `stray` allows any answer there.
    """
    if e.got.shape[1] != e.case.family.n_meta or len(e.pis) < 2:
        return None
    values, b, x = parts(e)
    norms = np.sum(b**2, axis=1)
    seen = norms > 1e-20 * norms.max()
    size = float(np.linalg.norm(x))
    if not stray and np.linalg.norm(x[~seen]) > e.match * size:
        return None
    outside = float(np.linalg.norm(e.got)) ** 2 - size**2
    values, b, x, norms = values[seen], b[seen], x[seen], norms[seen]
    g = -np.sum(x * b, axis=1) / norms
    far = float(np.linalg.norm(x + g[:, None] * b)) ** 2
    far += outside if outside > 1e-12 * size**2 else 0.0
    return (values, g) if far <= (e.match * np.linalg.norm(x)) ** 2 else None


def damping(e: Evidence) -> float | None:
    """The d of 1/(l + d), if the answer is that.

    With d = -outer_reg the Hessian is singular where no data pull: what a solve returns there is rounding.
    """
    found = response(e, stray=True)
    if found is None or (found[1] == 0).any():
        return None
    values, g = found
    d = float(np.median(1 / g - values))
    fits = np.abs(g * (values + d) - 1).max() <= 3 * e.match
    singular = abs(d / e.case.family.d_out + 1) <= 1e-6
    return d if fits and abs(d) > 0 and (singular or response(e) is not None) else None


def solver_words(wrong: list[Evidence], right: list[Evidence]) -> list[str]:
    """What the solver did, where every failing answer says the same and no right one denies it."""
    told = [e for e in wrong if not _says_nothing(e)]
    if len({e.case.name for e in told}) < 2:
        return _damped(wrong)
    found = [response(e) for e in told]
    if not right:
        return _damped(wrong) or _responses(found) or _ended_early(wrong, right)
    kinder = max(map(_condition, right)) < min(map(_condition, told))
    higher = min(map(_lowest, right)) > max(map(_lowest, told))
    if all(f is not None for f in found) and (kinder or higher):
        return [words for words in _responses(found) if words in OF_THE_SPECTRUM]
    return _ended_early(wrong, right)


def _says_nothing(e: Evidence) -> bool:
    """No function of H is seen, and none could be: rounding multiplied, or a part of an eigenspace cut."""
    if response(e) is not None:
        return False
    if e.off > 1e6:
        return True
    values = parts(e)[0] if e.got.shape[1] == e.case.family.n_meta else np.zeros(0)
    return bool(len(values)) and _distinct(values) < len(values) and _krylov(e) is None


def _condition(e: Evidence) -> float:
    values = parts(e)[0]
    return float(values.max() / values.min())


def _lowest(e: Evidence) -> float:
    return float(parts(e)[0].min())


def _damped(wrong: list[Evidence]) -> list[str]:
    """One damping for all; a blown-up answer says only that a regulariser may be missing."""
    told = [e for e in wrong if not _blown_up(e)]
    dampings = [damping(e) for e in told]
    if len({e.case.name for e in told}) < 2 or any(d is None for d in dampings):
        return []
    words = _damping_words(told, np.array(dampings, dtype=float))
    return words if len(told) == len(wrong) or words == [UNREGULARISED] else []


def _blown_up(e: Evidence) -> bool:
    """H - outer_reg I is singular and the answer rounding multiplied: another solve would have raised."""
    if e.off < 1e6 or e.got.shape[1] != e.case.family.n_meta:
        return False
    values = parts(e)[0]
    return bool(np.abs(values - e.case.family.d_out).min() <= 1e-9 * values.max())


def _responses(found: Sequence[tuple[Array, Array] | None]) -> list[str]:
    if any(f is None for f in found):
        return []
    return _response_words([f for f in found if f is not None])


def _ended_early(wrong: list[Evidence], right: list[Evidence]) -> list[str]:
    """CG and its kin: the answers lie in small Krylov spaces, and right ones need no larger space."""
    steps = [_krylov(e) for e in wrong]
    if any(m is None for m in steps):
        return []
    most = max(m for m in steps if m is not None)
    if any((_krylov(e) or _distinct(parts(e)[0])) > most for e in right):
        return []
    return [f"an iterative solve that ended after at most {most} products"]


def _distinct(values: Array) -> int:
    return 1 + int(np.sum(np.diff(np.sort(values)) > 1e-8 * values.max()))


def _damping_words(wrong: list[Evidence], d: Array) -> list[str]:
    def same(x: Array, value: float | None = None) -> bool:
        middle = float(np.median(x)) if value is None else value
        return bool(np.abs(x - middle).max() <= 1e-2 * abs(middle))

    reg = np.array([e.case.family.d_out for e in wrong])
    mean = np.array([np.trace(e.case.solution.hessian) / e.case.family.n_meta for e in wrong])
    if same(d / reg, -1.0):
        return [UNREGULARISED]
    if same(d / reg, 1.0):
        return ["the truth with the outer regulariser counted twice"]
    if same(d):
        return [f"the truth with an extra damping of {np.median(d):.3g}"]
    if same(d / mean):
        return [f"the truth with a damping of {np.median(d / mean):.3g} times the mean eigenvalue"]
    if same(d / reg):
        return [f"the truth with a damping of {np.median(d / reg):.3g} times outer_reg"]
    return ["the truth with a damping that changes from problem to problem"]


def _response_words(found: list[tuple[Array, Array]]) -> list[str]:
    """The response in words: powers, cuts, floors; otherwise a series or an iteration that is not done."""

    def every(test) -> bool:  # type: ignore[no-untyped-def]
        return all(test(v, g) for v, g in found)

    for power, words in (
        (0, "minus the right-hand side itself: no inverse curvature at all"),
        (2, "the inverse applied twice"),
        (0.5, "the inverse of the square root of the Hessian"),
        (-1, "the Hessian itself in place of its inverse"),
    ):
        for sign, prefix in ((1, ""), (-1, "the other sign, and ")):
            if every(lambda v, g, k=power, s=sign: np.abs(s * g * v**k - 1).max() <= 1e-5):
                return [prefix + words]
    if every(lambda v, g: np.ptp(g) <= 1e-5 * np.abs(g).max()):
        return ["a multiple of the right-hand side: an identity in place of the Hessian"]
    if every(lambda v, g: np.ptp(g * v) <= 1e-5 * np.abs(g * v).max()):
        return []  # the inverse, at a scale that differs from case to case: nothing of the solver's
    if every(lambda v, g: (g != 0).all()):
        shift = np.concatenate([v / g - v**2 for v, g in found])
        size = float(np.median(shift))
        if size > 0 and np.abs(shift - size).max() <= 1e-2 * size:
            return [f"the filter l / (l^2 + {size:.3g}) in place of 1 / l"]
    exact = [np.abs(g * v - 1) <= 1e-5 for v, g in found]
    if all(x.any() and not x.all() for x in exact):
        rest = [g[~x] for (_, g), x in zip(found, exact, strict=True)]
        if all(
            np.abs(r).max() <= 1e-9 * np.abs(g).max() for r, (_, g) in zip(rest, found, strict=True)
        ):
            return [DROPPED]
        return [FLOORED]
    return [UNFINISHED]


def _krylov(e: Evidence) -> int | None:
    """Fewest products whose Krylov spaces hold the rows; None if that takes all of them."""
    if e.got.shape[1] != e.case.family.n_meta:
        return None
    values, b, x = parts(e)
    distinct = _distinct(values)
    if np.linalg.norm(x) < (1 - 1e-9) * np.linalg.norm(e.got):
        return None
    most = 0
    for i in range(len(e.pis)):
        if np.linalg.norm(x[:, i]) <= 1e-12 * np.linalg.norm(x):
            continue  # padding: what is there is rounding
        basis = b[:, i : i + 1] / max(float(np.linalg.norm(b[:, i])), 1e-300)
        for m in range(1, distinct):  # noqa: B007
            rest = x[:, i] - basis @ (basis.T @ x[:, i])
            if np.linalg.norm(rest) <= 10 * e.match * np.linalg.norm(x[:, i]):
                break
            nxt = values * basis[:, -1]
            for _ in range(2):
                nxt = nxt - basis @ (basis.T @ nxt)
            basis = np.column_stack([basis, nxt / max(float(np.linalg.norm(nxt)), 1e-300)])
        else:
            return None
        most = max(most, m)
    return most or None
