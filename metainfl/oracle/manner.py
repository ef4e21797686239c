"""What a call may not change of the process it runs in; of the problem see `contents`.

`watched` looks before and after and puts the process back, so that one call's manners are not another's
fault. Random states are looked at apart: they are never put back between calls, or a method that
draws from them would seem deterministic.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from metainfl.oracle.contents import same
from metainfl.oracle.left_over import (
    Threads,
    handle,
    handlers,
    stop_ticking,
    ticking,
)
from metainfl.oracle.replaced_functions import Functions
from metainfl.oracle.settings_of_numpy import NUMPY
from metainfl.oracle.settings_of_process import SETTINGS

#: names that an import inside the call, or a pool that is kept, may change once: judged on a second call
BY_IMPORTS = (
    "environment variables",
    "warning filters",
    "threads left at work",
    "functions of torch, numpy, Python or metainfl",
    "functions called at exit",
    "module search path",
    "logging",
    "open file descriptors",
    "modules that were imported",
    "how modules are imported",
    "how processes are started",
    "folder of temporary files",
    "processes left at work",
    "hooks of all modules and optimisers",
    "what garbage collection calls",
    "what logging does of its own",
    "environment variables, past os.environ",
    "handlers of the root logger",
    "how codecs take what they cannot",
    "how objects are pickled",
    "asyncio's policy",
)


def _filters(value: list[Any]) -> None:
    warnings.filters[:] = value  # type: ignore[index]
    getattr(warnings, "_filters_mutated", lambda: None)()


def _environment(value: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(value)


def _stdout(value: Any) -> None:
    sys.stdout = value


#: name -> how to read it, how to put it back
PROCESS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "default device": (
        lambda: str(torch.get_default_device()),
        lambda name: torch.set_default_device(None if name == "cpu" else name),
    ),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "matmul precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "garbage collection": (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    "numbers too small to be normal": (
        lambda: bool(torch.tensor(1e-310, dtype=torch.float64) * 0.5 == 0),
        torch.set_flush_denormal,
    ),
    "trace function": (sys.gettrace, sys.settrace),
    "profile function": (sys.getprofile, sys.setprofile),
    "a timer left running": (ticking, stop_ticking),
    "signal handlers": (handlers, handle),
    "threads left at work": (Threads, lambda value: None),
    "functions of torch, numpy, Python or metainfl": (
        Functions.now,
        lambda value: value.put(),
    ),
    "sys.stdout": (lambda: sys.stdout, _stdout),
    "working directory": (os.getcwd, os.chdir),
    "environment variables": (lambda: dict(os.environ), _environment),
    "warning filters": (lambda: list(warnings.filters), _filters),
    **NUMPY,
    **SETTINGS,
}


def process() -> dict[str, Any]:
    """The settings of this process that a method must leave as they are."""
    return {name: _read(get) for name, (get, _) in PROCESS.items()}


def put_back(before: dict[str, Any]) -> list[str]:
    """Names of the settings that differ from `before`; they are put back."""
    changed = []
    for name, (get, put) in PROCESS.items():
        if _read(get) != before[name]:
            changed.append(name)
            put(before[name])
    return changed


def _read(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except OSError:  # the working directory was removed
        return None


def random_states() -> dict[str, Any]:
    """The global random states."""
    state: Any = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "numpy": (*state[1], state[2]),
        "random": random.getstate(),
    }


def moved(before: dict[str, Any]) -> list[str]:
    """Names of the random states that are no longer as `before`."""
    return [n for n, new in random_states().items() if not same(before[n], new)]
