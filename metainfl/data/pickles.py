"""Pickled arrays read without running anything that the file names.

A pickle is a program: it may name any function of the machine and call it. Here a name is looked up in a
table of eleven, all of which fill plain holders of this module; every other name is refused before it is
touched. What comes out is arrays, dicts, lists, tuples, strings, bytes and numbers.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from metainfl.errors import BrokenData

_NUMBER = re.compile(r"[<>=|]?[biuf][1248]")


class _Dtype:
    """A numeric type by its code; anything structured or of objects is refused."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        if isinstance(code, bytes):
            code = code.decode("latin1")
        if not isinstance(code, str) or not _NUMBER.fullmatch(code):
            raise BrokenData(f"it holds an array of type {code!r}; only numbers are read")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise BrokenData("it holds an array of a structured type; only numbers are read")
        if order in "<>":
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Array:
    """An array still to be filled."""

    def __init__(self, *_: Any) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        self.value = _filled(raw, dtype, shape, "F" if fortran else "C")


def _filled(raw: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    """The array that the bytes are, checked against the shape that the file claims."""
    if not isinstance(dtype, _Dtype):
        raise BrokenData("it holds an array without a type")
    if isinstance(raw, str):  # written by Python 2
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray, pickle.PickleBuffer)):
        raise BrokenData("it holds an array of Python objects; only numbers are read")
    if not (isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)):
        raise BrokenData(f"it holds an array of shape {shape!r}")
    data = memoryview(raw).cast("B")
    if data.nbytes != math.prod(shape) * dtype.dtype.itemsize:
        raise BrokenData(
            f"an array of shape {shape} and type {dtype.dtype} needs "
            f"{math.prod(shape) * dtype.dtype.itemsize} bytes, {data.nbytes} are there"
        )
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.value = _filled(raw, dtype, shape, "F" if order == "F" else "C")
    return array


def _scalar(dtype: Any, raw: Any) -> Any:
    return _filled(raw, dtype, (), "C").item()


def _encoded(text: Any, coding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes for readers of protocol 2."""
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise BrokenData("it encodes something that is not text in latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocols 0 to 2 write b""."""
    return b""


def _empty_dict(*entries: Any) -> dict:
    return dict(*entries)


class _Call:
    """What a file gets for a name: it can be called and, unlike a function or class, not changed."""

    __slots__ = ("_build",)

    def __init__(self, build: Any) -> None:
        self._build = build

    def __call__(self, *given: Any) -> Any:
        return self._build(*given)

    def __setstate__(self, state: Any) -> None:
        raise BrokenData("it changes what builds its arrays")


_ALLOWED: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encoded,
    **{(module, "bytes"): _no_bytes for module in ("builtins", "__builtin__")},
    ("collections", "OrderedDict"): _empty_dict,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """From the table, or not at all."""
        try:
            return _Call(_ALLOWED[module, name])
        except KeyError:
            raise BrokenData(
                f"it asks to load {module}.{name}, which no set of images needs; nothing was run. Do not "
                "open this file with pickle"
            ) from None


def read_pickle(path: str | Path, data: bytes | None = None) -> Any:
    """The content of a pickle as arrays, dicts, lists, strings and numbers; text of Python 2 as latin1.

    `data` is the file's content where it is at hand already. `BrokenData` where the file is truncated,
    no pickle, or names anything but an array.
    """
    try:
        with Path(path).open("rb") if data is None else io.BytesIO(data) as file:
            return _plain(_Unpickler(file, encoding="latin1").load(), {})
    except BrokenData as e:
        raise BrokenData(f"{path}: {e}") from None
    except (OSError, MemoryError):
        raise
    except Exception as e:  # a damaged pickle may fail as anything at all
        raise BrokenData(
            f"{path} is no pickle of arrays, or is cut short: {type(e).__name__}: {e}"
        ) from e


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    """Holders replaced by what they hold."""
    if isinstance(value, _Array):
        if value.value is None:
            raise BrokenData("it holds an array without content")
        return value.value
    if isinstance(value, (str, bytes, bytearray, int, float, bool, type(None), complex)):
        return value
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, dict):
        out: Any = seen.setdefault(id(value), {})
        out.update((_plain(k, seen), _plain(v, seen)) for k, v in value.items())
    elif isinstance(value, list):
        out = seen.setdefault(id(value), [])
        out.extend(_plain(v, seen) for v in value)
    elif isinstance(value, tuple):
        out = tuple(_plain(v, seen) for v in value)
    else:
        raise BrokenData(
            f"it holds a {type(value).__name__}; only arrays, dicts, lists and text are read"
        )
    return out
