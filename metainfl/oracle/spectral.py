"""Faults of the solver in words: which function of the exact Hessian stands where its inverse should.

Where other answers are right, a name stands only if it would leave them right: m products reach those, or
their Hessians are kinder (of smaller condition number) than every one that was got wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.dampings import CHANGING, damping_words, diagonal_words
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.response import borne_out, distinct, parts, response
from metainfl.oracle.unfinished import is_power, is_rising, krylov, krylov_words

Array = np.ndarray
DROPPED = "a pseudo-inverse that drops eigenvalues that are not zero"
FLOORED = "eigenvalues floored, clipped or approximated in part of the spectrum"
UNFINISHED = "the right Hessian and right-hand side, but a series or iteration that is not done"
#: what leaves a kind Hessian's answer right
OF_THE_SPECTRUM = (DROPPED, FLOORED, UNFINISHED)


def solver_words(wrong: list[Evidence], right: list[Evidence]) -> list[str]:
    """What the solver did, where every failing answer says the same and no right one denies it."""
    told = [e for e in wrong if not _says_nothing(e)]
    if not borne_out(told):
        return damping_words(wrong)
    found = [response(e) for e in told]
    if not right:
        of_the_spectrum = damping_words(wrong) or _responses(found)
        return of_the_spectrum or diagonal_words(told) or krylov_words(wrong, right)
    kinder = max(map(_condition, right)) < min(map(_condition, told))
    higher = min(map(_lowest, right)) > max(map(_lowest, told))
    if all(f is not None for f in found) and (kinder or higher):
        damped = damping_words(told)
        if damped:  # of none where it is right: one that is the same everywhere is denied there
            return [words for words in damped if words == CHANGING]
        return [words for words in _responses(found) if words in OF_THE_SPECTRUM]
    return krylov_words(wrong, right)


def _says_nothing(e: Evidence) -> bool:
    """No function of H is seen, and none could be: rounding multiplied, or a part of an eigenspace cut."""
    if response(e) is not None:
        return False
    if e.off > 1e6:
        return True
    values = parts(e)[0] if e.got.shape[1] == e.case.family.n_meta else np.zeros(0)
    return bool(len(values)) and distinct(values) < len(values) and krylov(e) is None


def _condition(e: Evidence) -> float:
    values = parts(e)[0]
    return float(values.max() / values.min())


def _lowest(e: Evidence) -> float:
    return float(parts(e)[0].min())


def _responses(found: Sequence[tuple[Array, Array] | None]) -> list[str]:
    if any(f is None for f in found):
        return []
    return _response_words([f for f in found if f is not None])


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
        size = float(np.median([(v / g - v**2)[np.argmin(v)] for v, g in found]))
        if size > 0 and every(lambda v, g: _is_filter(v, g, size)):
            return [f"the filter l / (l^2 + {size:.3g}) in place of 1 / l"]
    if every(is_power):
        return [UNFINISHED]
    exact = [np.abs(g * v - 1) <= 1e-5 for v, g in found]
    if all(x.any() and not x.all() for x in exact):
        cuts = [_cut(v, g, x) for (v, g), x in zip(found, exact, strict=True)]
        return [DROPPED if all(cuts) and "between" in cuts else FLOORED]
    return [UNFINISHED] if every(is_rising) else []


def _cut(values: Array, g: Array, exact: Array) -> str:
    """Where the inverse is cut to zero: "between" eigenvalues or "inside" a repeated one; else ""."""
    rest = ~exact & (np.abs(g) > 1e-9 * np.abs(g).max())
    if not rest.any():
        return "between"
    at = values[rest].mean()
    same = np.abs(values - at) <= 1e-6 * at
    apart = values[exact].min() > at and (values[~exact & ~rest] < at).all()
    return "inside" if same.sum() > 1 and same[rest].all() and apart else ""


def _is_filter(values: Array, g: Array, size: float) -> bool:
    """g = l / (l^2 + size), as far as it can be told from 1 / l."""
    off = 1 - g * values
    return bool(np.abs(off - size / (values**2 + size)).max() <= 1e-2 * np.abs(off).max())
