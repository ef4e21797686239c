"""The code behind classes and functions, for a digest: what a user wrote, and what it calls by global names.

Read off the compiled code that runs, not off a file that may have been edited since: comments and places
count for nothing, another version of Python does. Installed packages are known by name. Of globals, those of
the user's own modules among them, functions and classes count by their code, numbers, texts, tensors and
containers of them by value; what any of the code changes by running does not (`changing`).
"""

from __future__ import annotations

import functools
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from metainfl.problem import changing
from metainfl.problem.held import HELD, told

KNOWN = ("metainfl", "metainfl_reference", "torch", "numpy")
Place = tuple[int, str]  # the scope that holds it, by its id, and its name there
PATHS = ("stdlib", "platstdlib", "purelib", "platlib")


def behind(roots: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """What is to be digested of every class and function that is reached, each once, in any order."""
    waiting, seen = list(roots), set[int]()
    found: list[tuple[Any, dict[Place, Any]]] = []
    rebound, stored = set[Place](), set[str]()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not written(getattr(thing, "__module__", None)):
            continue
        seen.add(id(thing))
        if isinstance(thing, type):
            values, reached = _of_class(thing)
        else:
            cells = _cells(thing)
            closed_over = [vars(c) for c in cells if _own_module(c)]
            values, reached = _globals(thing.__code__, thing.__globals__, *closed_over)
            reached += [c for c in cells if _coded(c)]
            home = id(thing.__globals__)
            rebound |= {(home, n) for n in changing.rebound(thing.__code__)}
            stored |= changing.attributes(thing.__code__) | changing.mutated(thing.__code__)
        found.append((thing, values))
        waiting += reached
    for thing, values in found:
        kept = [
            (name, told(value))
            for (home, name), value in values.items()
            if (home, name) not in rebound and name not in stored
        ]
        held = sorted(kept, key=lambda pair: pair[0])
        if isinstance(thing, type):
            yield ("class", thing.__qualname__, held)
        else:
            given = thing.__defaults__, thing.__kwdefaults__
            closed = [c for c in _cells(thing) if not _coded(c)]
            yield ("function", thing.__qualname__, thing.__code__, given, closed, held)


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


def _of_class(kind: type) -> tuple[dict[Place, Any], list[Any]]:
    values: dict[Place, Any] = {}
    reached: list[Any] = list(kind.__bases__)
    for name, value in vars(kind).items():
        found = list(_functions(value))
        reached += found
        if not found and not name.startswith("__") and isinstance(value, HELD):
            values[id(kind), name] = value
    return values, reached


def _functions(value: Any) -> Iterator[Any]:
    """The functions in what a class holds: methods, properties, and the like."""
    if _coded(value):
        yield value
        value = vars(value).get("__wrapped__")
    elif isinstance(value, functools._lru_cache_wrapper):
        value = value.__wrapped__
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


def _own_module(value: Any) -> bool:
    return isinstance(value, types.ModuleType) and written(value.__name__)


def _globals(code: types.CodeType, *known: dict[str, Any]) -> tuple[dict[Place, Any], list[Any]]:
    """Values and code that the names in some code mean, in its module and in those of the user's it uses."""
    names = {n for inside in changing.nested(code) for n in inside.co_names if n[:2] != "__"}
    values: dict[Place, Any] = {}
    reached: list[Any] = []
    scopes, seen = list(known), set[int]()
    while scopes:
        scope = scopes.pop()
        if id(scope) in seen:
            continue
        seen.add(id(scope))
        for name in sorted(names & scope.keys()):  # one order in every process
            value = scope[name]
            found = list(_functions(value))
            reached += found
            if isinstance(value, types.ModuleType):
                scopes += [vars(value)] if _own_module(value) else []
            elif isinstance(value, functools.partial):
                values[id(scope), name] = (value.args, value.keywords)
            elif not found and isinstance(value, HELD):
                values[id(scope), name] = value
    return values, reached


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
