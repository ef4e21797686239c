"""The one known variant that a wrong method is, if there is exactly one; else what narrows it down.

A wrong name is worse than none. A name is given only where the truth check itself saw it on at least two
cases, where it explains every answer of the kinds that are wrong, denies none that is right, and where
no other name does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.changes import CHANGES, changed, without_direct
from metainfl.oracle.estimands import Estimand
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.facts import facts
from metainfl.oracle.rows import row_words
from metainfl.oracle.scales import scale_words
from metainfl.oracle.spectral import solver_words
from metainfl.oracle.variants import VARIANTS, Variant
from metainfl.oracle.variants.parts import solve
from metainfl_reference.errors import TruthError

Array = np.ndarray
UNKNOWN = "no known variant"
BLOWN_UP = 1e6  # relative errors above this are rounding multiplied


def diagnose(every: Sequence[Evidence], estimand: Estimand, earlier: Sequence[Case] = ()) -> str:
    """Words for what the answers equal; `no known variant` and the facts otherwise.

    `earlier`: what the method was asked before, as far as its answers are not among the evidence.
    """
    wrong = [e for e in every if e.wrong]
    if not wrong:
        return ""
    kinds = sorted({e.kind for e in wrong})
    own = [e for e in every if e.kind in kinds]
    where = "" if len(own) == len(every) else f" (for {', '.join(kinds)})"
    if len({e.case.name for e in wrong}) >= 2:
        names = _names(own, wrong, estimand, earlier)
        if len(names) == 1:
            return names[0] + where
        if names:
            return f"{UNKNOWN} alone, since more than one fits: {'; or '.join(names[:3])}"
    found = facts(every, wrong)
    return "; ".join([UNKNOWN, *found])


def _names(
    own: list[Evidence], wrong: list[Evidence], estimand: Estimand, earlier: Sequence[Case]
) -> list[str]:
    """Every name that explains all of it; the general ones only where no special one does."""
    if all(not np.linalg.norm(e.got) for e in wrong):
        return ["identically zero (001, eq. 6 is, where L_O reads lam only through theta)"]
    right = [e for e in own if not e.wrong and np.linalg.norm(e.want)]
    names = scale_words(wrong, right)
    if estimand.project(wrong[0].case.known, np.zeros((1, wrong[0].case.family.n_meta))) is None:
        return names
    names = names or _special(own, wrong, estimand)
    if not names and estimand.linear:
        names = solver_words(wrong, right)
    return names or _stale([*(e.case for e in own), *earlier], wrong) or row_words(wrong, right)


def _special(own: list[Evidence], wrong: list[Evidence], estimand: Estimand) -> list[str]:
    """Named variants, and the problem with one field changed."""
    names = []
    # cheapest refutations first: a variant falls at the first answer that it does not give
    order = [*wrong[:2], *(e for e in own if not e.wrong), *wrong[2:]]
    for name, f in VARIANTS.items():
        for sign, words in ((1, f"equals {name}"), (-1, f"equals minus {name}")):
            plain = partial(_tried, f, estimand=estimand, sign=sign)
            if _explains(order, plain):
                names.append(words)
            elif _explains(order, partial(_without_direct, plain)):
                names.append(f"{words}, and direct ignored")
    for name in CHANGES:
        for place in range(3):
            if _explains(order, partial(_change, name, place, estimand=estimand)):
                names.append(["", ", in the Hessian only", ", in the right-hand side only"][place])
                names[-1] = name + names[-1]
    return names


def _explains(order: Sequence[Evidence], rows: Callable[[Evidence], Array | None]) -> bool:
    """The rows are the answer wherever they are defined: on two wrong cases at least."""
    seen = set()
    for e in order:
        if e.wrong and e.off > BLOWN_UP:
            continue  # rounding multiplied: it says nothing
        found = rows(e)
        if found is None or not (np.linalg.norm(found) or np.linalg.norm(e.got)):
            continue  # not defined there, or both zero; two cases must still bear it out
        if e.wrong:
            if not e.equals(found):
                return False
            seen.add(e.case.name)
        elif np.linalg.norm(found - e.want) > 1e-6 * np.linalg.norm(e.want):
            return False  # it would be wrong here too, and the answer is right
    return len(seen) >= 2


def _tried(f: Variant, e: Evidence, estimand: Estimand, sign: int = 1) -> Array | None:
    """The variant's value as the estimand has it, or None where it is not defined."""
    found = e.case.once(("variant", f, tuple(e.pis)), lambda: _defined(f, e))
    return _projected(found, e, estimand, sign)


def _defined(f: Variant, e: Evidence) -> Array | None:
    try:
        with np.errstate(all="ignore"):
            return f(e.case, e.pis)
    except (TruthError, np.linalg.LinAlgError):
        return None


def _without_direct(plain: Callable[[Evidence], Array | None], e: Evidence) -> Array | None:
    """The variant where L_O is taken to read lam through theta alone, at the same lam and Hessian."""
    return plain(replace(e, case=without_direct(e.case)))


def _change(name: str, place: int, e: Evidence, estimand: Estimand) -> Array | None:
    found = [rows for _, rows in changed(e, name)]
    return _projected(found[place], e, estimand) if found else None


def _projected(found: Array | None, e: Evidence, estimand: Estimand, sign: int = 1) -> Array | None:
    if found is None or not np.isfinite(found).all():
        return None
    value = estimand.project(e.case.known, sign * found)
    return None if value is None else value.reshape(len(value), -1)


def _stale(seen: Sequence[Case], wrong: list[Evidence]) -> list[str]:
    """The Hessian of a problem seen before."""
    for e in wrong:
        others = [c for c in seen if c is not e.case and c.family.n_meta == e.case.family.n_meta]
        rhs = e.case.cross_derivatives(e.pis)
        if e.got.shape[1] != len(rhs):
            return []
        if not any(e.equals(solve(e.case, c.solution.hessian, rhs)) for c in others):
            return []
    return ["the Hessian of another problem that it saw before (a stale cache)"]
