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
    """Whether a write failed of which no name is told: that of a standard stream, or of a file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE


@contextmanager
def streams() -> Iterator[None]:
    """Within, closed output goes nowhere; what cannot be written ends with a sentence and status 2, output
    without a reader with `NO_READER`. What stands in the buffer at the end counts, too.
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
        what, place = "a file of results", "make room there, or name another place"
        if _lost():
            what, place = "standard output", "send it to another place"
            if error.errno == errno.EPIPE:
                raise SystemExit(NO_READER) from None
        why = (error.strerror or str(error)).lower()
        print(
            f"Error: {what} cannot be written ({why}); {place}, and run the command again",
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def _lost() -> bool:
    """Whether standard output takes no further line; what is left in its buffer goes nowhere then, or Python
    would complain as it ends.
    """
    try:
        print(flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
