"""Calls as they travel to another process: code by value where it cannot be imported there.

What stands in many calls, a program say, is packed once. Modules of a class of their own (lazy ones, ours
among them) travel by name, and code with the file that it stands in, so that errors show its lines.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import cloudpickle

from metainfl.errors import InvalidOption

#: a function, and what it is called with
Call = tuple[Callable[..., Any], tuple[Any, ...]]
SMALL = (type(None), bool, int, float, str, Path)
NOWHERE = "<dynamic-code>"  # what cloudpickle writes for the file of code that it sends by value


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, CodeType):
            make, given = self.dispatch_table[CodeType](obj)
            return make, tuple(obj.co_filename if v == NOWHERE else v for v in given)
        if isinstance(obj, ModuleType) and type(obj) is not ModuleType:
            return importlib.import_module, (obj.__name__,)
        return super().reducer_override(obj)


def dumped(value: Any) -> bytes:
    """Anything as bytes that `cloudpickle.loads` reads."""
    out = io.BytesIO()
    _Pickler(out).dump(value)
    return out.getvalue()


def parcels(calls: Mapping[int, Call]) -> dict[int, Call]:
    """The same calls with what they are called with packed; `InvalidOption` for what cannot travel."""
    every = {id(a): a for _, args in calls.values() for a in args if not isinstance(a, SMALL)}
    packed = {k: _packed(a) for k, a in every.items()}
    return {
        i: (partial(_opened, f), tuple(packed.get(id(a), a) for a in args))
        for i, (f, args) in calls.items()
    }


@dataclass(frozen=True, eq=False)
class Packed:
    """What was packed."""

    content: bytes


def _packed(value: Any) -> Packed:
    try:
        return Packed(dumped(value))
    except Exception as error:
        raise InvalidOption(
            "with jobs above 1 what is computed is sent to other processes, and a "
            f"{type(value).__qualname__} cannot be ({type(error).__name__}: {error}): take what cannot be "
            "pickled (locks, open files, generators) out of the model and the losses, or leave jobs at 1"
        ) from error


def _opened(f: Callable[..., Any], *args: Any) -> Any:
    return f(*(cloudpickle.loads(a.content) if isinstance(a, Packed) else a for a in args))
