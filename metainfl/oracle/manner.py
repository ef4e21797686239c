"""What a call may not change: the problem it is given, and the process it runs in.

`watch` looks before and after and puts the process back, so that one call's manners are not another's
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
from torch import Tensor, nn

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

CACHES = (
    "memory",
    "_state",
    "_plan",
    "_graph_bytes",
    "_batch",
    "peak",
    "recomputed",
    "_passing",
    "derivatives_hold",
    "slopes_hold",
    "start_looked_at",
)  # the own memory of a problem or a run, which every use of it fills
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
    return [n for n, new in random_states().items() if not _same(before[n], new)]


def contents(problem: Any) -> dict[str, Any]:
    """Everything that a problem consists of, by name; tensors are copied."""
    out: dict[str, Any] = {}
    own = {k.lstrip("_"): v for k, v in vars(problem).items() if k not in CACHES}
    for name, value in own.items():
        _collect(name, value, out, 0)
    return out


def changed(before: dict[str, Any], problem: Any) -> list[str]:
    """Names in `before` whose values the problem no longer has, and of what it has had since."""
    after = contents(problem)
    gone = [n for n, value in before.items() if n not in after or not _same(value, after[n])]
    return gone + [f"{n} (new)" for n in after if n not in before]


def _collect(name: str, value: Any, out: dict[str, Any], depth: int) -> None:
    if isinstance(value, Tensor):
        out[name] = (value.detach().clone(), value.requires_grad, value.grad is not None)
    elif isinstance(value, nn.Module):
        for key, t in value.state_dict().items():
            out[f"{name}.{key}"] = t.detach().clone()
        out[f"{name} (training mode)"] = [m.training for m in value.modules()]
        out[f"{name} (hooks)"] = [_hooks(m) for m in value.modules()]
        out[f"{name} (requires_grad)"] = [t.requires_grad for t in value.parameters()]
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(f"{name}[{key!r}]", item, out, depth + 1)
    elif isinstance(value, (list, tuple)):
        out[f"{name} (length)"] = len(value)
        for i, item in enumerate(value):
            _collect(f"{name}[{i}]", item, out, depth + 1)
    elif type(value).__module__.startswith("metainfl") and hasattr(value, "__dict__") and depth < 6:
        out[f"{name} (kind)"] = type(value)
        for key, item in vars(value).items():
            if key not in CACHES:
                _collect(f"{name}.{key}", item, out, depth + 1)
    else:
        out[name] = value


def _hooks(module: nn.Module) -> list[str]:
    """The hooks that a module has, by kind and number."""
    own = ((k, v) for k, v in vars(module).items() if k.endswith("_hooks") and isinstance(v, dict))
    return [f"{k} {i}" for k, hooks in own for i in hooks]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        if not isinstance(b, Tensor) or a.shape != b.shape or a.dtype != b.dtype:
            return False
        return (
            torch.equal(a.nan_to_num(), b.nan_to_num())
            if a.is_floating_point()
            else torch.equal(a, b)
        )
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(_same(x, y) for x, y in zip(a, b, strict=True))
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:  # comparison is not defined: another object is another value
        return False
