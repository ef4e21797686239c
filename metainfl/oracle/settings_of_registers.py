"""What later programs look up by a name: variables of C, handlers of the root logger and of codecs, how
objects are written down, the loop of asyncio, torch's own generator, and where signals are told.
"""

from __future__ import annotations

import codecs
import contextlib
import copyreg
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch

ERRORS = ("strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace",
          "surrogateescape", "surrogatepass")  # fmt: skip


def _of_c() -> Any:
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        return ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    return None


_C = _of_c()


def hidden() -> dict[bytes, bytes | None]:
    """Environment variables of which `os.environ` says otherwise; where C's cannot be read, none."""
    real: dict[bytes, bytes] = {}
    number = 0
    if _C is None:
        return {}
    while _C and (line := _C[number]) is not None:
        name, _, value = line.partition(b"=")
        real[name] = value
        number += 1
    shown = {os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()}
    return {n: real.get(n) for n in {*real, *shown} if real.get(n) != shown.get(n)}


def _hide(value: dict[bytes, bytes | None]) -> None:
    """What C has is what it had: as `os.environ` says elsewhere, which is put back before."""
    for name in hidden():
        if name not in value:
            shown = os.environ.get(os.fsdecode(name))
            os.unsetenv(name) if shown is None else os.putenv(name, os.fsencode(shown))
    for name, own in value.items():
        os.unsetenv(name) if own is None else os.putenv(name, own)


def _replaced(value: list[Any]) -> None:
    for name, handler in zip(ERRORS, value, strict=True):
        codecs.register_error(name, handler)


def _usual(handler: Any) -> bool:
    """Whether it is what `logging.warning` adds by itself where there is none."""
    return type(handler) is logging.StreamHandler and handler.stream in (sys.stderr, sys.__stderr__)


def root() -> tuple[list[Any], list[Any]]:
    """Handlers and filters of the root logger, but for those that are added by logging anything."""
    return [h for h in logging.root.handlers if not _usual(h)], list(logging.root.filters)


def _root(value: tuple[list[Any], list[Any]]) -> None:
    logging.root.handlers[:] = [*value[0], *filter(_usual, logging.root.handlers)]
    logging.root.filters[:] = value[1]


class Written:
    """How objects are pickled; equal where no way is replaced or gone, and none is new for Python's own."""

    def __init__(self) -> None:
        self.table = dict(copyreg.dispatch_table)

    def __eq__(self, other: object) -> bool:
        """Nothing replaced or gone; `other` came first."""
        if not isinstance(other, Written):
            return False
        new = self.table.keys() - other.table.keys()
        return other.table.items() <= self.table.items() and not any(map(_pythons, new))

    __hash__ = None  # type: ignore[assignment]

    def put(self) -> None:
        """These again, and what a library has added for its own."""
        for of in [t for t in copyreg.dispatch_table if t not in self.table and _pythons(t)]:
            del copyreg.dispatch_table[of]
        copyreg.dispatch_table.update(self.table)


def _pythons(of: type) -> bool:
    return getattr(of, "__module__", "") == "builtins"


def policy() -> Any:
    """Another policy of asyncio than its own, which is there once anything was run."""
    found = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    return None if type(found).__module__.startswith("asyncio.") else found


def _decide(value: Any) -> None:
    sys.modules["asyncio.events"]._event_loop_policy = value  # type: ignore[attr-defined]


def told() -> int:
    """The descriptor that is written to at a signal, which can be read by setting it alone; -1 for none."""
    if threading.current_thread() is not threading.main_thread():
        return -1
    now = signal.set_wakeup_fd(-1)
    if now != -1:
        _tell(now)
    return now


def _tell(descriptor: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # closed meanwhile; not the main thread
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


def _generators(value: tuple[Any, Any]) -> None:
    torch.default_generator, torch.random.default_generator = value


#: the one that can be set but once in a process
BETWEEN = "torch's number of threads between operations"
#: name -> how to read it, how to put it back
REGISTERS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "environment variables, past os.environ": (hidden, _hide),
    "handlers of the root logger": (root, _root),
    "how codecs take what they cannot": (
        lambda: [codecs.lookup_error(n) for n in ERRORS],
        _replaced,
    ),
    "how objects are pickled": (Written, Written.put),
    "asyncio's policy": (policy, _decide),
    "torch's default generator": (
        lambda: (torch.default_generator, torch.random.default_generator),
        _generators,
    ),
    "where signals are told": (told, _tell),
    BETWEEN: (torch.get_num_interop_threads, lambda value: None),
}
