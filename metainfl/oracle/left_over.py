"""What a call may leave at work in its process: replaced functions, threads, signal handlers, timers.

All of it is read without a change: `vars` of modules, never their attributes, which some load late.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import os
import signal
import threading
import time
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

import metainfl
from metainfl.derive.problem import Problem
from metainfl.problem.definition import Definition
from metainfl.problem.tasks import Tasks

#: whose names belong to everyone
SHARED = (
    builtins,
    torch,
    torch.Tensor,
    torch.autograd,
    torch.func,
    torch.linalg,
    nn.functional,
    np,
    np.linalg,
    math,
    metainfl,
    Definition,
    Problem,
    Tasks,
)
LIBRARIES = tuple(os.path.dirname(str(m.__file__)) + os.sep for m in (torch, np))
HANDLED = tuple(getattr(signal, n) for n in ("SIGALRM", "SIGINT", "SIGTERM") if hasattr(signal, n))
GRACE = 0.5  # seconds in which a thread that was told to end may do so
SEEN, SHORT = (
    3,
    0.01,
)  # after so many calls in a row that left one, such a thread is given this long
#: calls in a row, of one method, that left a thread
_LEFT = [0]
#: what was put aside; torch.jit knows functions by `id`, which another must not inherit
_KEPT: list[Any] = []


class Functions:
    """What the names of shared modules stand for; equal where every one of them still does."""

    def __init__(self) -> None:
        self.names = [dict(vars(where)) for where in SHARED]

    def replaced(self, before: Functions) -> list[tuple[int, str]]:
        """Names, by module, of another callable than before; new ones are an import's."""
        both = enumerate(zip(before.names, self.names, strict=True))
        return [
            (i, name)
            for i, (old, new) in both
            if len(old) != len(new) or not all(map(is_, old.values(), new.values()))
            for name, value in old.items()
            if new.get(name) is not value and callable(value) and not _librarys(new.get(name))
        ]

    def __eq__(self, other: object) -> bool:
        """Nothing replaced; `other` came first."""
        return isinstance(other, Functions) and not self.replaced(other)

    __hash__ = None  # type: ignore[assignment]

    def put(self) -> None:
        """Back to these."""
        now = Functions()
        for i, name in now.replaced(self):
            _KEPT.append(now.names[i].get(name))
            with contextlib.suppress(Exception):
                setattr(SHARED[i], name, self.names[i][name])


def _librarys(value: Any) -> bool:
    """Whether a library's own late import put it there, as torch._dynamo does with torch.manual_seed.

    torch.jit registers that one by its `id` alone: put back, its number went to another function, which
    was then compiled as a seed ("Arguments for call are not valid").
    """
    if isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(LIBRARIES)
    return isinstance(value, ModuleType)


class Threads:
    """The threads there are; equal where none of them is new and still at work after a moment."""

    def __init__(self) -> None:
        self.alive = set(threading.enumerate())

    def __eq__(self, other: object) -> bool:
        """None left; `other` came first."""
        if not isinstance(other, Threads):
            return False
        end = time.monotonic() + (GRACE if _LEFT[0] < SEEN else SHORT)
        new = self.alive - other.alive
        for thread in new:
            thread.join(max(0.0, end - time.monotonic()))
        left = any(thread.is_alive() for thread in new)
        _LEFT[0] = _LEFT[0] + 1 if left else 0
        return not left

    __hash__ = None  # type: ignore[assignment]


def another_method() -> None:
    """Its threads are waited for as if no other had left any."""
    _LEFT[0] = 0


def handlers() -> list[Any]:
    """What handles each of `HANDLED`."""
    return [signal.getsignal(s) for s in HANDLED]


def handle(value: list[Any]) -> None:
    """Those again."""
    for number, handler in zip(HANDLED, value, strict=True):
        with contextlib.suppress(ValueError, TypeError):  # not the main thread; not one of Python's
            signal.signal(number, handler)


def ticking() -> bool:
    """Whether a timer will raise an alarm."""
    return hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL)[0] > 0


def stop_ticking(ticked: bool) -> None:
    """No alarm, where there was to be none."""
    if not ticked:
        signal.setitimer(signal.ITIMER_REAL, 0)
