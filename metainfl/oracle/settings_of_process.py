"""Settings of a process that few methods touch and later programs feel: limits, masks, hooks, locale."""

from __future__ import annotations

import atexit
import contextlib
import locale
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import torch

from metainfl.oracle.processes_left import Processes
from metainfl.oracle.settings_of_libraries import LIBRARIES
from metainfl.oracle.settings_of_python import PYTHON
from metainfl.oracle.settings_of_registers import REGISTERS
from metainfl.oracle.settings_of_signals import SIGNALS
from metainfl.oracle.settings_of_torch import TORCH

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

FOLDER = "/proc/self/fd"
LIMITS = (
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_FSIZE",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_STACK",
)


def limits() -> dict[str, tuple[int, int]]:
    """Soft and hard limits by name."""
    if resource is None:
        return {}
    own = (name for name in LIMITS if hasattr(resource, name))
    return {name: resource.getrlimit(getattr(resource, name)) for name in own}


def limit(value: dict[str, tuple[int, int]]) -> None:
    """Those again, as far as a hard limit that was lowered lets them."""
    for name, pair in value.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), pair)


def mask() -> int:
    """The mask of new files' modes, which can be read by setting it alone."""
    now = os.umask(0o077)
    os.umask(now)
    return now


def closed() -> list[bool]:
    """Of the three streams, which are closed."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return [bool(getattr(s, "closed", False)) for s in streams]


class Descriptors:
    """The file descriptors that are open, where the system tells; equal where none of them is new."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        with contextlib.suppress(OSError):
            free = os.open(FOLDER, os.O_RDONLY)  # the number that listing the folder will take
            os.close(free)
            self.open = set(os.listdir(FOLDER)) - {str(free)}

    def __eq__(self, other: object) -> bool:
        """Nothing new; `other` came first."""
        return isinstance(other, Descriptors) and not (self.open - other.open)

    __hash__ = None  # type: ignore[assignment]


def _path(value: list[str]) -> None:
    sys.path[:] = value


def _hook(value: Any) -> None:
    sys.excepthook = value


def _stderr(value: Any) -> None:
    sys.stderr = value


def _convolutions(value: tuple[bool, bool, bool]) -> None:
    b = torch.backends
    b.cudnn.enabled, b.cudnn.benchmark, b.cudnn.deterministic = value


#: name -> how to read it, how to put it back
SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "limits of resources": (limits, limit),
    "the mask of new files": (mask, os.umask),
    "functions called at exit": (atexit._ncallbacks, lambda value: None),
    "module search path": (lambda: list(sys.path), _path),
    "exception hook": (lambda: sys.excepthook, _hook),
    "sys.stderr": (lambda: sys.stderr, _stderr),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda v: locale.setlocale(locale.LC_ALL, v)),
    "time limit of sockets": (socket.getdefaulttimeout, socket.setdefaulttimeout),
    "cuDNN's flags": (
        lambda: (
            torch.backends.cudnn.enabled,
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
        ),
        _convolutions,
    ),
    "standard streams, which it closed": (closed, lambda value: None),
    "open file descriptors": (Descriptors, lambda value: None),
    "processes left at work": (Processes, lambda value: None),
    **LIBRARIES,
    **PYTHON,
    **REGISTERS,
    **SIGNALS,
    **TORCH,
}  # fmt: skip
