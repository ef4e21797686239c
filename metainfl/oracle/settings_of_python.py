"""Settings of Python itself that later programs feel: how imports go, what is traced, priority, rounding."""

from __future__ import annotations

import contextlib
import ctypes
import decimal
import faulthandler
import gc
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

CONTEXT = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def decimals(context: decimal.Context) -> dict[str, Any]:
    """How decimal numbers are computed; flags are what was computed, and anybody's."""
    return {**{n: getattr(context, n) for n in CONTEXT}, "traps": dict(context.traps)}


def _decimals(value: tuple[dict[str, Any], dict[str, Any]]) -> None:
    contexts = decimal.getcontext(), decimal.DefaultContext
    for context, own in zip(contexts, value, strict=True):
        for name in CONTEXT:
            setattr(context, name, own[name])
        context.traps.update(own["traps"])


def _imports(value: tuple[list[Any], list[Any], bool]) -> None:
    sys.meta_path[:], sys.path_hooks[:], sys.dont_write_bytecode = value


def _started() -> str:
    """The way that is set, or else the one that stands first, which the first lock or pool settles on."""
    set_to = multiprocessing.get_start_method(allow_none=True)
    return set_to or multiprocessing.get_all_start_methods()[0]


def _threads(value: tuple[Any, Any, int]) -> None:
    threading.settrace(value[0])
    threading.setprofile(value[1])
    threading.stack_size(value[2])


def _collected(value: tuple[list[Any], int]) -> None:
    gc.callbacks[:] = value[0]
    gc.set_debug(value[1])


def rounded(one: float = 1.0, little: float = 1e-17) -> tuple[float, float]:
    """Numbers that show in which direction results are rounded; arguments, so that they are computed now."""
    return one + little, -one - little


def to_nearest(value: Any) -> None:
    """Rounding to the nearest number, which is 0 wherever there is a C library."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fesetround(0)


def _traced(value: tuple[bool, bool]) -> None:
    if not value[1]:
        tracemalloc.stop()
    if value[0] and not faulthandler.is_enabled():
        with contextlib.suppress(Exception):  # no standard error to write to
            faulthandler.enable()


def _said(value: tuple[bool, Any]) -> None:
    logging.raiseExceptions = value[0]
    logging.setLoggerClass(value[1])


#: name -> how to read it, how to put it back
PYTHON: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "how decimal numbers are computed": (
        lambda: (decimals(decimal.getcontext()), decimals(decimal.DefaultContext)),
        _decimals,
    ),
    "how modules are imported": (
        lambda: (list(sys.meta_path), list(sys.path_hooks), sys.dont_write_bytecode),
        _imports,
    ),
    "arguments of the program": (lambda: list(sys.argv), lambda v: sys.argv.__setitem__(slice(None), v)),
    "sys.stdin": (lambda: sys.stdin, lambda v: setattr(sys, "stdin", v)),
    "the longest number that can be printed": (
        sys.get_int_max_str_digits,
        sys.set_int_max_str_digits,
    ),
    "breakpoint hook": (lambda: sys.breakpointhook, lambda v: setattr(sys, "breakpointhook", v)),
    "hooks of asynchronous generators": (
        lambda: tuple(sys.get_asyncgen_hooks()),
        lambda v: sys.set_asyncgen_hooks(*v),
    ),
    "what new threads start with": (
        lambda: (threading.gettrace(), threading.getprofile(), threading.stack_size()),
        _threads,
    ),
    "what garbage collection calls": (lambda: (list(gc.callbacks), gc.get_debug()), _collected),
    "how processes are started": (
        _started,
        lambda v: multiprocessing.set_start_method(v, force=True),
    ),
    "priority": (
        lambda: os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0,
        lambda value: None,
    ),
    "folder of temporary files": (
        lambda: tempfile.tempdir,
        lambda v: setattr(tempfile, "tempdir", v),
    ),
    "how numbers are rounded": (rounded, to_nearest),
    "tracing of memory and of faults": (
        lambda: (faulthandler.is_enabled(), tracemalloc.is_tracing()),
        _traced,
    ),
    "what logging does of its own": (
        lambda: (logging.raiseExceptions, logging.getLoggerClass()),
        _said,
    ),
}  # fmt: skip
