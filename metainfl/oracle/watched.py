"""One call of somebody's method, and everything that it does besides returning."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.oracle import contents, manner
from metainfl.oracle.patience import another_method
from metainfl.oracle.returned import Raised, Returned, described, explained
from metainfl.oracle.settings_of_numpy import ERRORS, errors
from metainfl.oracle.time_limit import TimedOut
from metainfl.problem.perturbation import Perturbation

Method = Callable[..., Any]

#: as they were when this was imported: not what a method puts there, in an earlier call either
KEPT = manner.put_back, manner.moved, contents.changed, errors
OVERWRITTEN = "the answer of the call before"
MOST = 2**28  # bytes of an answer that is kept
#: the method called last, its answer as it was returned, and a copy
_LAST: list[tuple[Method, np.ndarray, np.ndarray]] = []


def watched(
    method: Method,
    problem: Problem,
    perturbations: list[Perturbation],
    *targets: Any,
    fatal: tuple[type[BaseException], ...] = (),
    **options: Any,
) -> Returned | Raised:
    """One call and everything it does besides returning. Only `TimedOut` and `fatal` pass through.

    A child that the method forked ends here: it would go on with work that is its parent's.
    """
    owner, asked = os.getpid(), list(perturbations)
    written = pickle.dumps(asked)
    if not any(of is method for of, *_ in _LAST):
        another_method()
    parts, states = contents.contents(problem), manner.random_states()
    seen = [contents.contents(t) for t in targets]
    settings = manner.process()
    put_back, moved, changed, lost = KEPT
    set_anew: list[str] = []
    started = time.perf_counter()
    found: Returned | Raised
    try:
        try:
            # ended with the call, whatever the method sets: looked at before
            with np.errstate(all="ignore"):
                lent = lost()
                try:
                    value = method(problem, perturbations, *targets, **options)
                finally:
                    set_anew = [ERRORS] if lost() != lent else []
            seconds = time.perf_counter() - started
        finally:
            if os.getpid() != owner:
                os._exit(0)
        array, dtype, complaint = described(value)
        found = Returned(array, dtype, complaint, seconds=seconds)
        found.changed = _overwritten(method, array)
    except (TimedOut, *fatal):  # type: ignore[misc]
        put_back(settings)
        _undone(asked, written)
        raise
    except BaseException as error:
        found = explained(error)
    found.process = put_back(settings) + set_anew
    found.moved = moved(states)
    found.changed += changed(parts, problem)
    for before, t in zip(seen, targets, strict=True):
        found.changed += [f"targets.{name}" for name in changed(before, t)]
    if _undone(asked, written) or perturbations != asked:
        found.changed.append("the list of perturbations")
    return found


def _undone(asked: list[Perturbation], written: bytes) -> bool:
    """Whether a call wrote into these, which others are given too; they are as they were written down."""
    if pickle.dumps(asked) == written:
        return False
    for own, before in zip(asked, pickle.loads(written), strict=True):
        vars(own).update(vars(before))
    return True


def _overwritten(method: Method, array: np.ndarray | None) -> list[str]:
    """Words where this call changed what the one before it had returned; keeps this answer for the next."""
    written = [of for of, old, copy in _LAST if not np.array_equal(old, copy, equal_nan=True)]
    _LAST.clear()
    # one number may stand for terabytes
    if array is not None and array.size * array.itemsize <= MOST:
        _LAST.append((method, array, array.copy()))
    return [OVERWRITTEN] if any(of is method for of in written) else []
