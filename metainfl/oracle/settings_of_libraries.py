"""Settings of Python and torch that show late: modes left open, hooks, logging, how numbers are printed."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch


def modes() -> list[int]:
    """How many modes of torch are open: of functions, of dispatch, levels of forward mode; and whether saved
    tensors are hooked, and all that runs is profiled.
    """
    c = torch._C
    counts = [
        getattr(c, n, None) for n in ("_len_torch_function_stack", "_len_torch_dispatch_stack")
    ]
    hooked = getattr(getattr(c, "_autograd", None), "_top_saved_tensors_default_hooks", None)
    found = [int(count()) for count in counts if count is not None]
    profiled = getattr(getattr(c, "_autograd", None), "_profiler_enabled", None)
    levels = int(getattr(torch.autograd.forward_ad, "_current_level", -1))
    return [
        *found,
        levels,
        int(hooked is not None and hooked(True) is not None),
        int(profiled is not None and profiled()),
    ]


def _hooks(value: tuple[Any, Any, Any]) -> None:
    sys.displayhook, sys.unraisablehook, threading.excepthook = value


def _logged(value: tuple[int, int]) -> None:
    logging.disable(value[0])
    logging.getLogger().setLevel(value[1])


def _cores(value: set[int]) -> None:
    if value:
        os.sched_setaffinity(0, value)


def _printed(value: dict[str, Any]) -> None:
    vars(torch._tensor_str.PRINT_OPTS).update(value)


#: name -> how to read it, how to put it back
LIBRARIES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "inference mode": (torch.is_inference_mode_enabled, lambda value: None),
    "autocast": (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
    ),
    "modes of torch, left open": (modes, lambda value: None),
    "torch's print options": (lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), _printed),
    "hooks of display, threads and what cannot be raised": (
        lambda: (sys.displayhook, sys.unraisablehook, threading.excepthook),
        _hooks,
    ),
    "logging": (lambda: (logging.root.manager.disable, logging.getLogger().level), _logged),
    "cores it may run on": (
        lambda: os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(),
        _cores,
    ),
    "thresholds of garbage collection": (gc.get_threshold, lambda value: gc.set_threshold(*value)),
    "how long a thread may run": (sys.getswitchinterval, sys.setswitchinterval),
}
