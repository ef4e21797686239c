"""Calls of one core each, side by side on the cores that torch was given.

torch's own threads share every operation: where operations are small they wait for one another, and where
another process has one of the cores they wait far longer than they work. Here each thread has calls of
its own, and torch has one thread in it; the caller's setting, and that of other threads, stays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor


def cores(like: Tensor) -> int:
    """How many calls on such tensors may stand side by side: torch's number of threads, 1 on a device."""
    return torch.get_num_threads() if like.device.type == "cpu" else 1


def side_by_side(calls: Sequence[Callable[[], Tensor]], n: int) -> Iterator[Tensor]:
    """What the calls return, in their order, at most `n` of them at a time. They run no code of the user's,
    which may keep what it reads in one place for all threads.
    """
    if min(n, len(calls)) < 2:
        yield from (call() for call in calls)
        return
    libraries, mkl = _openmp(), _mkl()
    grad = torch.is_grad_enabled()
    contexts = [copy_context() for _ in calls]

    def one_thread() -> None:
        torch.get_num_threads()  # what torch sets in a new thread is set before
        libraries.limit(limits=1)
        mkl(1)
        torch.set_grad_enabled(grad)

    with ThreadPoolExecutor(min(n, len(calls)), initializer=one_thread) as pool:
        yield from pool.map(lambda own, call: own.run(call), contexts, calls)


@cache
def _mkl() -> Callable[[int], int]:
    """Sets MKL's own number of threads in one thread, where torch has MKL within it: `torch.set_num_threads`,
    called once anywhere, sets it in every new thread, and OpenMP's does not bound it.
    """
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        found: Callable[[int], int] = library.MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return lambda n: n
    return found


@cache
def _openmp() -> ThreadpoolController:
    """The libraries whose number of threads is one of each thread: torch's loops and products."""
    return ThreadpoolController().select(user_api="openmp")
