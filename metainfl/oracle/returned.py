"""What came back from a call, as plain data that any process can read."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

Array = np.ndarray
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
    """Array, dtype and complaint for whatever a method returns; never raises."""
    name = type(value).__name__
    try:
        if isinstance(value, torch.Tensor):
            dtype = str(value.dtype).removeprefix("torch.")
            if value.layout is not torch.strided:
                return None, dtype, f"returned a sparse tensor ({value.layout}); call .to_dense()"
            if value.is_meta:
                return None, dtype, "returned a meta tensor, which has a shape and no numbers"
            if value.dtype not in (torch.float16, torch.float32, torch.float64):
                return None, dtype, f"returned dtype {dtype}; float64 or float32 is needed"
            return value.detach().resolve_neg().cpu().numpy(), dtype, ""
        if not hasattr(value, "__array__"):
            return None, name, f"returned {name}; a tensor or array is needed"
        if isinstance(value, np.ma.MaskedArray):
            return None, name, "returned a masked array; every entry is needed"
        array = np.asarray(value)
        if array.dtype.kind != "f":
            return (
                None,
                str(array.dtype),
                f"returned dtype {array.dtype}; a floating-point array is needed",
            )
        return array, str(array.dtype), ""
    except BaseException as error:
        return None, name, f"returned {name} that cannot be read as an array ({_says(error)})"


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
