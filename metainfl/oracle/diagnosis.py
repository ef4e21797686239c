"""The one known variant that a wrong method is, if there is exactly one; else what narrows it down.

A wrong name is worse than none. A name is given only where the truth check itself saw it on at least two
cases, where it explains every answer of the kinds that are wrong, denies none that is right, and where
no other name does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from metainfl.oracle.changes import CHANGES, changed
from metainfl.oracle.estimands import Estimand
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.facts import facts
from metainfl.oracle.scales import scale_words
from metainfl.oracle.spectral import solver_words
from metainfl.oracle.variants import VARIANTS, Variant, solve
from metainfl_reference.errors import TruthError

Array = np.ndarray
UNKNOWN = "no known variant"


def diagnose(every: Sequence[Evidence], estimand: Estimand) -> str:
    """Words for what the answers equal; `no known variant` and the facts otherwise."""
    wrong = [e for e in every if e.wrong]
    if not wrong:
        return ""
    kinds = sorted({e.kind for e in wrong})
    own = [e for e in every if e.kind in kinds]
    where = "" if len(own) == len(every) else f" (for {', '.join(kinds)})"
    if len({e.case.name for e in wrong}) >= 2:
        names = _names(own, wrong, estimand)
        if len(names) == 1:
            return names[0] + where
        if names:
            return f"{UNKNOWN}: several would give the same ({'; '.join(names[:3])})"
    found = facts(every, wrong)
    return "; ".join([UNKNOWN, *found])


def _names(own: list[Evidence], wrong: list[Evidence], estimand: Estimand) -> list[str]:
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
    return names or _stale(own, wrong) or _rows(wrong)


def _special(own: list[Evidence], wrong: list[Evidence], estimand: Estimand) -> list[str]:
    """Named variants, and the problem with one field changed."""
    names = []
    # cheapest refutations first: a variant falls at the first answer that it does not give
    order = [*wrong[:2], *(e for e in own if not e.wrong), *wrong[2:]]
    for name, f in VARIANTS.items():
        for sign, words in ((1, f"equals {name}"), (-1, f"equals minus {name}")):
            if _explains(order, partial(_tried, f, estimand=estimand, sign=sign)):
                names.append(words)
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
        found = rows(e)
        if found is None:
            continue  # not defined there; two cases must still bear it out
        if e.wrong:
            if not e.equals(found):
                return False
            seen.add(e.case.name)
        elif np.linalg.norm(found - e.want) > 1e-6 * np.linalg.norm(e.want):
            return False  # it would be wrong here too, and the answer is right
    return len(seen) >= 2


def _tried(f: Variant, e: Evidence, estimand: Estimand, sign: int = 1) -> Array | None:
    """The variant's value as the estimand has it, or None where it is not defined."""
    try:
        with np.errstate(all="ignore"):
            found = f(e.case, e.pis)
    except (TruthError, np.linalg.LinAlgError):
        return None
    return _projected(found, e, estimand, sign)


def _change(name: str, place: int, e: Evidence, estimand: Estimand) -> Array | None:
    found = [rows for _, rows in changed(e, name)]
    return _projected(found[place], e, estimand) if found else None


def _projected(found: Array | None, e: Evidence, estimand: Estimand, sign: int = 1) -> Array | None:
    if found is None or not np.isfinite(found).all():
        return None
    value = estimand.project(e.case.known, sign * found)
    return None if value is None else value.reshape(len(value), -1)


def _stale(own: list[Evidence], wrong: list[Evidence]) -> list[str]:
    """The Hessian of a problem seen before."""
    for e in wrong:
        others = [
            o.case for o in own if o.case is not e.case and o.want.shape[1] == e.want.shape[1]
        ]
        rhs = e.case.cross_derivatives(e.pis)
        if e.got.shape[1] != len(rhs):
            return []
        if not any(e.equals(solve(e.case, c.solution.hessian, rhs)) for c in others):
            return []
    return ["the Hessian of another problem that it saw before (a stale cache)"]


def _rows(wrong: list[Evidence]) -> list[str]:
    """Rows of the truth: left at zero, in another order, or brought to one length."""
    zero, moved, even = True, True, True
    for e in wrong:
        size = np.linalg.norm(e.want, axis=1)
        empty = np.linalg.norm(e.got, axis=1) == 0
        kept = np.linalg.norm(e.got[~empty] - e.want[~empty])
        zero &= bool(empty.any()) and kept <= 1e-9 * np.linalg.norm(e.want)
        if (size == 0).any():
            return []
        gaps = np.linalg.norm(e.got[:, None] - e.want[None], axis=2) / size[None]
        moved &= bool((gaps.min(axis=1) <= 1e-9).all()) and bool((np.diag(gaps) > 1e-6).any())
        lengths = np.linalg.norm(e.got, axis=1)
        turned = np.abs(np.sum(e.got * e.want, axis=1)) >= (1 - 1e-9) * lengths * size
        even &= bool(turned.all()) and np.ptp(lengths) <= 1e-6 * lengths.max() and len(lengths) > 2
    out = ["rows left at zero"] if zero else []
    out += ["rows of the truth, in the wrong order or repeated"] if moved and not zero else []
    return out + (["each row normalised to the same length"] if even else [])
