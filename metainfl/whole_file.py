"""A file that is whole or not there: written under another name, and moved when all went well."""

from __future__ import annotations

import os
import re
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
        with says_where(path):
            yield half
            half.replace(path)
    except BaseException:
        if half.is_file():
            half.unlink()
        raise


@contextmanager
def says_where(path: Path) -> Iterator[None]:
    """Within, a write that fails says of which file: an `OSError`, also where safetensors writes."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if type(error).__name__ != "SafetensorError" or number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from error
