"""What code of a user's reads at the moment: what it computed is remembered as long as this is the same.

Tensors count by their version, which grows with every change in place; numbers, texts and arrays by value;
functions by what they close over, their defaults and the globals that they name; objects by their
attributes. Of arrays above a mebibyte only the identity counts.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from metainfl.problem.changing import nested
from metainfl.problem.origin import Origin
from metainfl.problem.turn import Turn

PLAIN = (bool, int, float, complex, str, bytes, type(None))
CLOSED = (type, types.ModuleType, types.BuiltinFunctionType, Origin, Turn)
CALLED = ("__call__", "forward")
DEPTH = 8
LARGE = 2**20


class Seen:
    """A thing as it is now: equal to itself, as long as its version has not changed."""

    def __init__(self, thing: Any, version: Any = None) -> None:
        self.thing, self.version = thing, version

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Seen) or other.thing is not self.thing:
            return False
        return bool(other.version == self.version)

    __hash__ = None  # type: ignore[assignment]


def reads(*things: Any) -> list[Any]:
    """What these things read, each once: to be compared with the same of another moment."""
    found: list[Any] = []
    seen = set[int]()
    for thing in things:
        _read(thing, found, seen, DEPTH)
    return found


def _read(thing: Any, found: list[Any], seen: set[int], depth: int) -> None:
    if isinstance(thing, PLAIN):
        found.append(thing)
        return
    if id(thing) in seen or depth == 0:
        return
    seen.add(id(thing))
    if isinstance(thing, Tensor):
        found.append(Seen(thing, None if thing.is_inference() else thing._version))
    elif isinstance(thing, np.ndarray):
        small = thing.nbytes <= LARGE and not thing.dtype.hasobject
        found.append(Seen(thing, thing.tobytes() if small else None))
    else:
        found.append(Seen(thing))
        for part in _parts(thing):
            _read(part, found, seen, depth - 1)


def _parts(thing: Any) -> Iterator[Any]:
    """What a container, a function or an object holds."""
    if isinstance(thing, Mapping):
        yield from thing.values()
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, functools.partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, types.MethodType):
        yield from (thing.__func__, thing.__self__)
    elif isinstance(thing, types.FunctionType):
        yield from _of_function(thing)
    elif not isinstance(thing, CLOSED):
        yield from getattr(thing, "__dict__", {}).values()
        named = (getattr(type(thing), name, None) for name in CALLED)
        yield from (f for f in named if isinstance(f, types.FunctionType))


def _of_function(f: types.FunctionType) -> Iterator[Any]:
    """Cells, defaults and named globals; installed code has nothing of a user's."""
    if f.__module__ is not None and f.__module__.partition(".")[0] in ("torch", "metainfl"):
        return
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield f.__defaults__
    yield f.__kwdefaults__
    for name in {n for code in nested(f.__code__) for n in code.co_names}:
        if name in f.__globals__ and not isinstance(f.__globals__[name], (type, types.ModuleType)):
            yield f.__globals__[name]
