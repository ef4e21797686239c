"""What came back from a call, as plain data that any process can read."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

Array = np.ndarray
CONTAINERS = (torch.Tensor, np.ndarray)
PLAIN = (*CONTAINERS, torch.nn.Parameter)
LIBRARIES = ("site-packages", "dist-packages", "/torch/", "/numpy/", "/scipy/", "<frozen")


@dataclass
class Returned:
    """`array` or a complaint about what was returned; and what the call did besides."""

    array: Array | None
    dtype: str
    complaint: str = ""
    printed: str = ""
    seconds: float = 0.0
    changed: list[str] = field(default_factory=list)
    process: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


@dataclass
class Raised:
    """An exception in words: its type and message, and the file and line that it comes from."""

    words: str
    place: str
    changed: list[str] = field(default_factory=list)
    process: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    printed: str = ""


def described(value: Any) -> tuple[Array | None, str, str]:
    """Array, dtype and complaint for whatever a method returns; never raises.

    What is not a plain tensor or array may say one thing and hold another, or something else each time: it
    is read as plain data, then as anybody reads it, and what it says of itself is compared with that.
    """
    name = type(value).__name__
    try:
        array, dtype, complaint = _read(value, name)
        if array is None or type(value) in PLAIN:
            return array, dtype, complaint
        array = np.array(array, subok=False)
        shape, own = tuple(getattr(value, "shape", array.shape)), isinstance(value, CONTAINERS)
        if shape != array.shape:
            return (
                None,
                dtype,
                f"returned {name} that says its shape is {shape} and holds {array.shape}",
            )
        if own and dtype != str(value.dtype).removeprefix("torch."):
            return (
                None,
                dtype,
                f"returned {name} that says its dtype is {value.dtype} and holds {dtype}",
            )
        usual = value.detach().cpu() if isinstance(value, torch.Tensor) else value
        if not np.array_equal(array, np.asarray(usual), equal_nan=True):
            return None, dtype, f"returned {name} whose values are others each time that it is read"
        return array, dtype, ""
    except BaseException as error:
        return None, name, f"returned {name} that cannot be read as an array ({_says(error)})"


def _read(value: Any, name: str) -> tuple[Array | None, str, str]:
    """The same for one reading, which may raise; what torch holds, not what a subclass makes of it."""
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():
            plain = torch.Tensor.detach(value)
            plain = plain if type(plain) is torch.Tensor else plain.as_subclass(torch.Tensor)
        dtype = str(plain.dtype).removeprefix("torch.")
        if plain.layout is not torch.strided:
            return None, dtype, f"returned a sparse tensor ({plain.layout}); call .to_dense()"
        if plain.is_meta:
            return None, dtype, "returned a meta tensor, which has a shape and no numbers"
        if plain.dtype not in (torch.float16, torch.float32, torch.float64):
            return None, dtype, f"returned dtype {dtype}; float64 or float32 is needed"
        return plain.resolve_neg().cpu().numpy(), dtype, ""
    if not hasattr(value, "__array__"):
        return None, name, f"returned {name}; a tensor or array is needed"
    if isinstance(value, np.ma.MaskedArray):
        return None, name, "returned a masked array; every entry is needed"
    array = value.view(np.ndarray) if isinstance(value, np.ndarray) else np.asarray(value)
    if array.dtype.kind != "f":
        dtype = str(array.dtype)
        return None, dtype, f"returned dtype {dtype}; a floating-point array is needed"
    return array, str(array.dtype.newbyteorder("=")), ""


def explained(error: BaseException) -> Raised:
    """The exception with the line of the method's own code, not that of a library below it."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.endswith(("oracle/watched.py", "oracle/child_main.py"))
    ]
    own = [f for f in frames if not any(part in f.filename for part in LIBRARIES)]
    foreign = [f for f in own if "/metainfl/" not in f.filename]
    place = ""
    for frame in (foreign or own or frames)[-1:]:
        code = f": {frame.line}" if frame.line else ""
        place = f"{_short_path(frame.filename)}:{frame.lineno}, in {frame.name}{code}"
    return Raised(f"raised {_says(error)}", place)


def _says(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = "(its message cannot be read)"
    text = text if len(text) <= 300 else text[:297] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _short_path(name: str) -> str:
    try:
        return str(Path(name).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return name
