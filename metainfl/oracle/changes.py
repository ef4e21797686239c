"""Another problem solved in place of the one asked: one field of the family or its weights changed.

Each change is tried in the Hessian and in the right-hand side together, and in either alone, at the lam
that was given: what code does that forgets `direct`, averages rates, unrolls a fixed number of steps,
or takes all weights to be 1.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from metainfl.oracle.bridge import all_to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.variants.parts import solve
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import TruthError
from metainfl_reference.family import Family

Array = np.ndarray
Changed = tuple[Family, Weights]
PLACES = ("", ", in the Hessian only", ", in the right-hand side only")


def _set(name: str, value: Callable[[Any], Any]) -> Callable[[Family, Weights], Changed | None]:
    def change(f: Family, w: Weights) -> Changed | None:
        if not hasattr(f, name):
            return None
        other = copy.copy(f)
        setattr(other, name, value(getattr(f, name)))
        return other, w

    return change


def _inner_loss(f: Family, w: Weights) -> Changed | None:
    if getattr(f, "outer_loss", None) is None:
        return None
    other: Any = copy.copy(f)
    other.outer_loss = other.loss_name
    return other, w


def _weights(**new: Callable[[Array], Array]) -> Callable[[Family, Weights], Changed]:
    def change(f: Family, w: Weights) -> Changed:
        own = {n: getattr(w, n) for n in ("task", "support", "query")}
        return f, Weights(**{n: new.get(n, lambda a: a)(a) for n, a in own.items()})

    return change


def _present(a: Array) -> Array:
    """1 where there is anything."""
    return (a != 0).astype(float)


CHANGES: dict[str, Callable[[Family, Weights], Changed | None]] = {
    "direct ignored": _set("direct", lambda v: 0.0),
    "direct counted twice": _set("direct", lambda v: 2 * v),
    "the inner regulariser ignored": _set("d_in", lambda v: 0.0),
    "the inner regulariser counted twice": _set("d_in", lambda v: 2 * v),
    "the mean of the learning rates for each of them": _set("alpha", lambda v: 0 * v + v.mean()),
    "the first of the learning rates for each of them": _set(
        "alpha", lambda v: 0 * v + v.reshape(-1)[0]
    ),
    "three inner steps, whatever is asked": _set("steps", lambda v: 3),
    "at most three inner steps": _set("steps", lambda v: min(v, 3)),
    "at most two inner steps": _set("steps", lambda v: min(v, 2)),
    "a single inner step": _set("steps", lambda v: 1),
    "one inner step too few": _set("steps", lambda v: max(v - 1, 1)),
    "one inner step too many": _set("steps", lambda v: v + 1),
    "the inner loss for the outer one": _inner_loss,
    "task weights taken to be 1": _weights(task=_present),
    "support weights taken to be 1": _weights(support=_present),
    "support weights taken to be 1, padding too": _weights(support=np.ones_like),
    "query weights taken to be 1": _weights(query=_present),
    "all weights taken to be 1": _weights(task=_present, support=_present, query=_present),
    "padding counted as data": _weights(
        support=lambda a: np.where(a == 0, 1.0, a), query=lambda a: np.where(a == 0, 1.0, a)
    ),
    "padding of the support set counted as data": _weights(
        support=lambda a: np.where(a == 0, 1.0, a)
    ),
    "padding of the query set counted as data": _weights(query=lambda a: np.where(a == 0, 1.0, a)),
    "a mean over tasks for the sum, beside the regulariser": _weights(task=lambda a: a / len(a)),
    "a mean over query instances for the sum": _weights(query=lambda a: a / a.shape[1]),
    "a mean over support instances for the sum": _weights(support=lambda a: a / max(a.shape[1], 1)),
}


def without_direct(case: Case) -> Case:
    """The case with direct taken to be 0, its lam, Hessian and weights as they are."""
    return (
        case.once("without direct", lambda: _without_direct(case)) if case.family.direct else case
    )


def _without_direct(case: Case) -> Case:
    family = copy.copy(case.family)
    family.direct = 0.0
    other = replace(case, family=family)  # nothing that is known of the case comes along
    other.__dict__["solution"] = case.solution
    return other


def changed(e: Evidence, name: str) -> list[tuple[str, Array]]:
    """(words, influences) of the change in each place; nothing where it changes nothing."""
    return e.case.once(("changed", name, tuple(e.pis)), lambda: _changed(e, name))


def _changed(e: Evidence, name: str) -> list[tuple[str, Array]]:
    f, s = e.case.family, e.case.solution
    found = CHANGES[name](f, s.weights)
    if found is None:
        return []
    asked = all_to_truth(e.pis)
    try:
        h = found[0].total_hessian(s.lam, found[1])
        b = found[0].cross_derivatives(asked, s.lam, found[1])
    except (TruthError, np.linalg.LinAlgError):
        return []
    own = e.case.cross_derivatives(e.pis)
    pairs = zip(PLACES, (h, h, s.hessian), (b, own, b), strict=True)
    return [(name + words, solve(e.case, hessian, right)) for words, hessian, right in pairs]
