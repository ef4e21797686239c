"""Forward mode, one thread at a time.

torch counts levels of dual numbers for the whole process (`torch.autograd.forward_ad`, `torch.func.jvp`): of
two threads that differentiate forwards at once, one reads tangents of the other, drops them, or finds no
level, and a number that is wrong comes back without a word. Whatever here goes forwards goes through this.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import torch


class _Turns:
    """A lock that the thread which holds it may take again; a forked child has one of its own."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Held by nobody: the thread that held it is not in this process."""
        self.lock = threading.RLock()


_turns = _Turns()


def jvp(f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """`torch.func.jvp`: f at the primals, and its derivative along the tangents."""
    with _turns.lock:
        return torch.func.jvp(f, primals, tangents)


def jacfwd(f: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.func.jacfwd`: the function that returns the Jacobian of f in its first argument."""
    jacobian = torch.func.jacfwd(f)

    def taken(*args: Any) -> Any:
        with _turns.lock:
            return jacobian(*args)

    return taken
