"""A file that is whole or not there: written under another name, and moved when all went well."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` at the end; what was there is kept if an error comes first.

    The other name is this process's and thread's own, so that two that write the same file do not meet.
    """
    own = f"{os.getpid()}-{threading.get_ident()}"  # and short, whatever the name
    half = path.with_name(f".{sha256(path.name.encode()).hexdigest()[:8]}-{own}.part")
    try:
        yield half
        half.replace(path)
    except BaseException as error:
        if half.is_file():
            half.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write that fails does not say where
        raise
