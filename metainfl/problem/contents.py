"""What a thing consists of, for its digest: nothing that differs between processes, such as an address."""

from __future__ import annotations

import copyreg
import enum
import functools
import re
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn


def parts(thing: Any) -> tuple[str, list[Any], bool]:
    """Kind, what it consists of, and whether in that order."""
    name = type(thing).__qualname__
    if isinstance(thing, type):
        return "class", [thing.__qualname__], True
    if isinstance(thing, types.ModuleType):  # what is used of it counts with the code that uses it
        return "module", [thing.__name__], True
    if isinstance(thing, enum.Enum):
        return f"enum {name}", [thing.name], True
    if isinstance(thing, Mapping):
        return f"mapping {name}", [tuple(i) for i in thing.items()], False
    if isinstance(thing, (set, frozenset)):
        return "set", list(thing), False
    if isinstance(thing, (list, tuple)):
        return name, list(thing), True
    if isinstance(thing, np.ndarray):
        return "array", [thing.shape, thing.tolist()], True
    if isinstance(thing, functools.partial):
        return name, [thing.func, thing.args, thing.keywords], True
    if isinstance(thing, types.MethodType):
        return name, [thing.__func__, thing.__self__], True
    if isinstance(thing, types.FunctionType):
        return name, _of_function(thing), True
    if isinstance(thing, types.CodeType):
        consts = [c for c in thing.co_consts if not isinstance(c, types.EllipsisType)]
        return name, [thing.co_code, thing.co_names, thing.co_varnames, consts], True
    if isinstance(thing, types.CellType):
        return name, _of_cell(thing), True
    return f"object {name}", _of_object(thing), True


def _of_function(f: types.FunctionType) -> list[Any]:
    own = [f.__qualname__, f.__defaults__, f.__kwdefaults__, f.__closure__]
    ours = str(f.__module__).partition(".")[0] in ("metainfl", "torch", "numpy")
    return own if ours or "<" not in f.__qualname__ else [*own, f.__code__]


def _of_cell(cell: types.CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not filled yet
        return []


def _of_object(thing: Any) -> list[Any]:
    """Attributes, or what pickle would need, or a text without addresses."""
    slots = [s for s in copyreg._slotnames(type(thing)) if hasattr(thing, s)]  # type: ignore[attr-defined]
    if hasattr(thing, "__dict__") or slots:
        ours = type(thing).__module__.startswith("metainfl.")
        if ours and type(thing).__getstate__ is not object.__getstate__:
            return [thing.__getstate__()]
        own = {**getattr(thing, "__dict__", {}), **{s: getattr(thing, s) for s in slots}}
        return [{k: _frame(v) for k, v in own.items()}]
    if isinstance(thing, types.BuiltinFunctionType):
        return [thing.__name__, getattr(thing, "__qualname__", "")]
    try:
        found = thing.__reduce_ex__(2)
        if not isinstance(found, tuple):
            return [found]
        return [*found[1:3], *(list(more or ()) for more in found[3:5])]
    except TypeError:
        return [re.sub(r" at 0x[0-9a-f]+", "", repr(thing))]


def _frame(value: Any) -> Any:
    """A module's parameters, those that are trained by shape: their values are lam's affair."""
    if not (
        isinstance(value, Mapping) and any(isinstance(v, nn.Parameter) for v in value.values())
    ):
        return value
    return {
        k: ("trained", tuple(v.shape), v.dtype)
        if isinstance(v, nn.Parameter) and v.requires_grad
        else v
        for k, v in value.items()
    }
