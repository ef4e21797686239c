"""Standard streams as a shell may leave them: closed, with nobody who reads on, on a disk that is full."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from metainfl.commands.refusal import NO_READER

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE}


def unwritable(error: BaseException) -> bool:
    """Whether a standard stream could not be written: a file of its own would have a name."""
    return isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE


@contextmanager
def streams() -> Iterator[None]:
    """Within, closed output goes nowhere; output that cannot be written ends with a sentence and status 2,
    and without a reader with `NO_READER`. What stands in the buffer at the end counts, too.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (to the end)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if not unwritable(error):
            raise
        # what is left in the buffer must go somewhere, or Python complains as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise SystemExit(NO_READER) from None
        print(
            f"Error: standard output cannot be written ({(error.strerror or str(error)).lower()}); send it "
            "to another place, and run the command again",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
