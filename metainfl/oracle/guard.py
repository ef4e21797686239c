"""Stands between the judge and the process in which a method runs: a method that ends its parent ends this.

Run by its path, `python -I -S guard.py COMMAND ...`, so that it starts at once. It ends as the command did,
by the same signal too; whatever the command started and left behind it ends first.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from glob import glob
from pathlib import Path

DEATH, SUBREAPER = 1, 36  # prctl: end with the parent; orphans of the command are ours


def main() -> None:
    """Start the command, wait for it, end as it did."""
    for number, value in ((DEATH, signal.SIGKILL), (SUBREAPER, 1)):
        with contextlib.suppress(Exception):  # Linux
            ctypes.CDLL(None).prctl(number, value, 0, 0, 0)
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    for descriptor in (0, 1):  # so that the judge sees when the command closes its own
        os.close(descriptor)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for left in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(left, signal.SIGKILL)
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _children() -> list[int]:
    """What has been left to this process."""
    files = glob("/proc/self/task/*/children")
    return [int(pid) for file in files for pid in Path(file).read_text().split()]


if __name__ == "__main__":
    main()
