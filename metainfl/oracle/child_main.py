"""The process in which a method runs: reads a call, makes it, writes what came back.

Started as `python -m metainfl.oracle.child_main`, never forked. It speaks through copies of file
descriptors 0 and 1; 1 itself then leads to a file, so that printing, also from C, is caught.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import random
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import numpy as np
import torch

from metainfl.oracle.processes_left import adopt
from metainfl.oracle.random_state import seeded
from metainfl.oracle.returned import Raised, Returned, explained
from metainfl.oracle.same_problem import taken
from metainfl.oracle.shipping import Files, dumped
from metainfl.oracle.watched import watched

MOST_KEPT = 2**20  # bytes of output that are kept from call to call
LONGEST_FILE = 2**32  # bytes of a file that a method may write


def main() -> None:
    """Serve until the other end is closed."""
    faulthandler.enable()
    calls = Connection(os.dup(0), writable=False)
    answers = Connection(os.dup(1), readable=False)
    nothing, printed = os.open(os.devnull, os.O_RDONLY), int(sys.argv[1])
    os.dup2(nothing, 0)
    os.dup2(printed, 1)
    errors = os.dup(2)
    with contextlib.suppress(Exception):  # Linux: end with the parent, however it ends
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    adopt()
    method: Any = None
    given: Any = None
    _warmed()
    while True:
        try:
            message = cloudpickle.loads(calls.recv_bytes())
        except EOFError:
            os._exit(0)
        if message[0] == "method":
            try:
                _settle(message[2])
                method = cloudpickle.loads(message[1])
                answers.send_bytes(dumped(None))
            except BaseException as error:
                answers.send_bytes(dumped(explained(error).words))
            continue
        _, problem, same, pis, targets, options = message
        given = taken(problem, same, given)
        # a method that seeds with the same number each time must not find its own state here
        torch.rand(1), np.random.rand(), random.random()
        for number, kept in ((1, printed), (2, errors)):
            _opened(number, kept)
            _emptied(kept)
        start = os.fstat(printed).st_size
        found = watched(method, given, pis, *targets, **options)
        found.printed = _printed(printed, start)
        answers.send_bytes(dumped(_small(found)))


def _warmed() -> None:
    """What torch imports in its first derivative (its compiler, two seconds) belongs to the start, which
    overlaps with the drawing of cases.
    """
    x = torch.ones(1)
    torch.func.jvp(torch.func.grad(torch.sum), (x,), (x,))


def _settle(how: dict[str, Any]) -> None:
    """The caller's import path, folder, threads and random state; the memory that may be added."""
    with contextlib.suppress(OSError):
        os.chdir(how["folder"])
    sys.path[:] = how["path"]
    files = how["files"]
    sys.meta_path.append(Files(files))
    sys.path.extend({os.path.dirname(os.path.abspath(f)) for f in files.values()} - set(sys.path))
    torch.set_num_threads(how["threads"])
    seeded(how["seed"])
    if (
        how["memory"] is not None and not torch.cuda.is_available()
    ):  # CUDA maps far more than it uses
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            with open("/proc/self/statm") as file:
                now = int(file.read().split()[0]) * resource.getpagesize()
            most = now + int(how["memory"] * 2**30)
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            longest = LONGEST_FILE if hard == resource.RLIM_INFINITY else min(hard, LONGEST_FILE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (longest, hard))


def _opened(number: int, kept: int) -> None:
    """A standard stream that a call closed, open again: the next call is not to answer for it."""
    name = {1: "__stdout__", 2: "__stderr__"}[number]
    if getattr(getattr(sys, name), "closed", True):
        os.dup2(kept, number)
        stream = os.fdopen(number, "w", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, name.strip("_"), stream)


def _emptied(descriptor: int) -> None:
    """A file of what was printed, from its beginning again: what is printed on and on fills no disk."""
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_size > MOST_KEPT:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)


def _printed(descriptor: int, start: int) -> str:
    """What reached file descriptor 1 since `start`."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).fflush(None)
    with contextlib.suppress(OSError):
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, min(size - start, 4096), start).decode(errors="replace")
    return ""


def _small(found: Returned | Raised) -> Returned | Raised:
    """An answer that is far too large to be one is described and not sent."""
    if isinstance(found, Returned) and found.array is not None:
        if found.array.size * found.array.itemsize > 2**28:
            found.complaint = f"returned shape {found.array.shape}; an array"
            found.array = None
        else:  # a view of one number may stand for gigabytes, and a subclass may not travel
            found.array = np.array(found.array, subok=False)
    return found


if __name__ == "__main__":
    main()
