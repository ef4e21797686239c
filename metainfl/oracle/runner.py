"""Calling somebody's method safely: time limit, captured output, and what it may not touch."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.oracle.outcome import Failed
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray
Method = Callable[..., Any]


class TimedOut(BaseException):
    """The method ran past its limit. A BaseException, so that its own `except` cannot swallow it."""


def call(
    method: Method,
    problem: Problem,
    perturbations: Sequence[Perturbation],
    *targets: Any,
    seconds: float = 60.0,
    printed: io.StringIO | None = None,
    **options: Any,
) -> Any:
    """method(problem, perturbations, [targets], **options) with stdout swallowed; all errors are `Failed`.

    `printed` collects what it writes to stdout.
    """
    try:
        with contextlib.redirect_stdout(printed or io.StringIO()), _limit(seconds):
            return method(problem, perturbations, *targets, **options)
    except TimedOut:
        raise Failed(f"still running after {seconds:g} s; the call was stopped") from None
    except (Exception, SystemExit) as error:
        raise Failed(f"raised {type(error).__name__}: {_short(error)}") from error


def as_array(value: Any, shape: tuple[int, ...]) -> Array:
    """Torch, numpy or anything with __array__ as float64; `Failed` if it is not finite (n, p)."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    elif not hasattr(value, "__array__"):
        raise Failed(
            f"returned {type(value).__name__}; a tensor or array of shape {shape} is needed"
        )
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise Failed(f"returned dtype {array.dtype}; a floating-point array is needed")
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


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:297] + "..."
