"""Flags and hooks of torch and scipy that hold for every later program in the process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import scipy.special
import torch
from torch.sparse import check_sparse_tensor_invariants as invariants

#: dictionaries of hooks that are called for every module, and by every optimiser
HOOKS = [
    value
    for where in ("torch.nn.modules.module", "torch.optim.optimizer")
    for name, value in vars(import_module(where)).items()
    if name.startswith("_global_") and isinstance(value, dict)
]


def hooks() -> list[list[Any]]:
    """The hooks there are, by number."""
    return [list(every.items()) for every in HOOKS]


def _hooks(value: list[list[Any]]) -> None:
    for every, own in zip(HOOKS, value, strict=True):
        every.clear()
        every.update(own)


def flags() -> tuple[Any, ...]:
    """Whether oneDNN, paths of einsum, repeated warnings, looks at sparse tensors and threads of autograd are
    on, and whether what is not deterministic only warns.
    """
    b = torch.backends
    return (
        torch._C._get_mkldnn_enabled(),
        getattr(b.opt_einsum, "enabled", None),
        getattr(b.opt_einsum, "strategy", None),
        torch.is_warn_always_enabled(),
        invariants.is_enabled(),
        torch._C._is_multithreading_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _flags(value: tuple[Any, ...]) -> None:
    dnn, einsum, strategy, warn, looked, threads, only = value
    torch.backends.mkldnn.set_flags(dnn)
    with contextlib.suppress(RuntimeError):  # refused where opt_einsum is not installed
        torch.backends.opt_einsum.enabled = einsum
        torch.backends.opt_einsum.strategy = strategy
    torch.set_warn_always(warn)
    (invariants.enable if looked else invariants.disable)()
    torch._C._set_multithreading_enabled(threads)
    torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled(), warn_only=only)


#: name -> how to read it, how to put it back
TORCH: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "hooks of all modules and optimisers": (hooks, _hooks),
    "flags of torch": (flags, _flags),
    "scipy's error handling": (
        scipy.special.geterr,
        lambda value: scipy.special.seterr(**value),
    ),
}
