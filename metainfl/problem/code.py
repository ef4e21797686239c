"""The code behind classes and functions, for a digest: what a user wrote, and what it calls by global names.

Read off the compiled code that runs, not off a file that may have been edited since: comments and places
count for nothing, another version of Python does. Installed packages are known by name. Of globals, functions
and classes count by their code, numbers, texts and tensors by value; what a function itself sets does not.
"""

from __future__ import annotations

import dis
import functools
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

KNOWN = ("metainfl", "metainfl_reference", "torch", "numpy")
VALUES = (bool, int, float, complex, str, bytes, type(None), Tensor)
PATHS = ("stdlib", "platstdlib", "purelib", "platlib")


def behind(roots: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """What is to be digested of every class and function that is reached, each once, in any order."""
    waiting, seen = list(roots), set[int]()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not written(getattr(thing, "__module__", None)):
            continue
        seen.add(id(thing))
        if isinstance(thing, type):
            values, reached = _of_class(thing)
            yield ("class", thing.__qualname__, values)
        else:
            values, reached = _globals(thing.__code__, thing.__globals__)
            reached += [c for c in _cells(thing) if _coded(c)]
            given = thing.__defaults__, thing.__kwdefaults__
            closed = [c for c in _cells(thing) if not _coded(c)]
            yield ("function", thing.__qualname__, thing.__code__, given, closed, values)
        waiting += reached


def written(module: str | None) -> bool:
    """Whether a module is the user's: neither ours, nor torch's, nor installed, nor Python's own."""
    top = str(module).partition(".")[0]
    if module is None or top in KNOWN:
        return False
    if module == "__main__":
        return True
    if top in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or not _installed(file)


@cache
def _installed(file: str) -> bool:
    places = {Path(sysconfig.get_path(name)).resolve() for name in PATHS}
    return any(p in places for p in Path(file).resolve().parents)


def _of_class(kind: type) -> tuple[dict[str, Any], list[Any]]:
    values: dict[str, Any] = {}
    reached: list[Any] = list(kind.__bases__)
    for name, value in vars(kind).items():
        found = list(_functions(value))
        reached += found
        if not found and not name.startswith("__") and isinstance(value, VALUES):
            values[name] = value
    return values, reached


def _functions(value: Any) -> Iterator[Any]:
    """The functions in what a class holds: methods, properties, and the like."""
    if _coded(value):
        yield value
        value = getattr(value, "__wrapped__", None)
    elif isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, (functools.partial, functools.partialmethod, functools.cached_property)):
        value = value.func
    elif isinstance(value, property):
        for part in (value.fget, value.fset, value.fdel):
            yield from _functions(part)
        return
    else:
        return
    yield from _functions(value)


def _globals(code: types.CodeType, known: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    values: dict[str, Any] = {}
    reached: list[Any] = []
    for inside in _nested(code):
        own = {i.argval for i in dis.get_instructions(inside) if i.opname == "STORE_GLOBAL"}
        for name in inside.co_names:
            value = known.get(name, _globals)
            if _coded(value):
                reached.append(value)
            elif isinstance(value, VALUES) and name not in own and not name.startswith("__"):
                values[name] = value
    return values, reached


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _nested(const)


def _cells(function: types.FunctionType) -> list[Any]:
    out = []
    for cell in function.__closure__ or ():
        try:
            out.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return out


def _coded(value: Any) -> bool:
    return isinstance(value, (type, types.FunctionType))
