"""Calling somebody's method: in this process, watched. `child` does the same in a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.oracle import manner
from metainfl.oracle.outcome import Failed
from metainfl.oracle.returned import Raised, Returned, described, explained
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray
Method = Callable[..., Any]
UNLIKELY = 97_000_001


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


class TimedOut(BaseException):
    """The method ran past its limit. A BaseException, so that its own `except` cannot swallow it."""


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
            with contextlib.redirect_stdout(printed), _limit(seconds):
                found = watched(
                    self.method, problem, given, *targets, fatal=(KeyboardInterrupt,), **options
                )
        except TimedOut:
            raise overdue(seconds) from None
        found.printed = printed.getvalue()
        return result(found)


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
    parts, states = manner.contents(problem), manner.random_states()
    seen = [manner.contents(t) for t in targets]
    settings = manner.process()
    started = time.perf_counter()
    found: Returned | Raised
    try:
        try:
            with np.errstate(all="ignore"):
                value = method(problem, perturbations, *targets, **options)
            seconds = time.perf_counter() - started
        finally:
            if os.getpid() != owner:
                os._exit(0)
        array, dtype, complaint = described(value)
        found = Returned(array, dtype, complaint, seconds=seconds)
    except (TimedOut, *fatal):  # type: ignore[misc]
        manner.put_back(settings)
        raise
    except BaseException as error:
        found = explained(error)
    found.process = manner.put_back(settings)
    found.moved = manner.moved(states)
    found.changed = manner.changed(parts, problem)
    for before, t in zip(seen, targets, strict=True):
        found.changed += [f"targets.{name}" for name in manner.changed(before, t)]
    if perturbations != asked:
        found.changed.append("the list of perturbations")
    return found


def result(found: Returned | Raised) -> Returned:
    """What was returned; `Failed` with file and line where the method raised."""
    if isinstance(found, Raised):
        failure = Failed(found.words, cause=f"{found.words}\n{found.place}".strip())
        failure.call = found
        raise failure
    return found


def overdue(seconds: float) -> Failed:
    """The method did not come back."""
    words = f"still running after {seconds:g} s; the call was stopped"
    return Failed(words, cause=words)


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


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise `TimedOut` in the caller after `seconds`; main thread of a POSIX system only."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(signum: int, frame: Any) -> None:
        raise TimedOut

    before = signal.signal(signal.SIGALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)  # a test runner may have its own alarm going
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def keep_rng() -> Iterator[None]:
    """Global random states of torch, numpy and random are put back afterwards."""
    state = (torch.get_rng_state(), np.random.get_state(), random.getstate())
    try:
        yield
    finally:
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])
        random.setstate(state[2])


def seeded(seed: int) -> None:
    """Global random states that depend on the seed alone, and that no method is likely to set."""
    torch.manual_seed(seed + UNLIKELY)
    np.random.seed((seed + UNLIKELY) % 2**32)
    random.seed(seed + UNLIKELY)


def flushed() -> None:
    """Push out what Python still holds back of stdout."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
