"""Whose line raised: the user's own, which they can mend, or ours."""

from __future__ import annotations

import sysconfig
import traceback
from importlib.util import find_spec
from pathlib import Path


def users_line(error: BaseException) -> str | None:
    """`net.py, line 12` where the innermost line outside libraries is the user's; None where it is ours."""
    ours = [_folder("metainfl"), _folder("metainfl_reference")]
    names = "stdlib", "platstdlib", "purelib", "platlib"
    libraries = {str(Path(sysconfig.get_path(name)).resolve()) for name in names}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("<"):
            continue
        path = Path(frame.filename).resolve()
        if any(path.is_relative_to(folder) for folder in ours):
            return None
        if not any(path.is_relative_to(folder) for folder in libraries):
            return f"{frame.filename}, line {frame.lineno}"
    return None


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def words(error: BaseException) -> str:
    """`KeyError: 'layer'`, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
