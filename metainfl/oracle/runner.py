"""Calling somebody's method: in this process, watched. `child` does the same in a process of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.oracle.outcome import Failed
from metainfl.oracle.returned import Raised, Returned, described
from metainfl.oracle.time_limit import TimedOut, limit, overdue
from metainfl.oracle.watched import Method, watched
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray


class Runner(Protocol):
    """Asks one method; every way in which a call can go wrong is a `Failed`."""

    def call(
        self,
        problem: Problem,
        perturbations: Sequence[Perturbation],
        *targets: Any,
        seconds: float = 60.0,
        **options: Any,
    ) -> Returned:
        """method(problem, perturbations, [targets], **options)."""
        ...


class InProcess:
    """The method in this process, for debuggers: the limit is an alarm, which a method can evade."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def call(
        self,
        problem: Problem,
        perturbations: Sequence[Perturbation],
        *targets: Any,
        seconds: float = 60.0,
        **options: Any,
    ) -> Returned:
        """As `Runner.call`; Ctrl-C remains the caller's."""
        printed = io.StringIO()
        given = list(perturbations)
        try:
            with contextlib.redirect_stdout(printed), limit(seconds):
                found = watched(
                    self.method, problem, given, *targets, fatal=(KeyboardInterrupt,), **options
                )
        except TimedOut:
            raise overdue(seconds) from None
        found.printed = printed.getvalue()
        return result(found)


def result(found: Returned | Raised) -> Returned:
    """What was returned; `Failed` with file and line where the method raised."""
    if isinstance(found, Raised):
        failure = Failed(found.words, cause=f"{found.words}\n{found.place}".strip())
        failure.call = found
        raise failure
    return found


def as_array(value: Any, shape: tuple[int, ...]) -> Array:
    """What was returned as float64; `Failed` if it is not finite (n, p)."""
    found = value if isinstance(value, Returned) else Returned(*described(value))
    array = found.array
    if array is None:
        raise Failed(f"{found.complaint} of shape {shape}", cause=found.complaint)
    if array.shape != shape:
        hint = "; transposed?" if array.shape == shape[::-1] else ""
        raise Failed(f"returned shape {array.shape}; (perturbations, parameters) = {shape}{hint}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise Failed(f"row {row} is not finite; raise an error rather than return NaN or inf")
    return array.astype(np.float64)
