"""How a method gets into another process: by reference where it can be imported, by value otherwise."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from metainfl.errors import InvalidMethod
from metainfl.pools.parcel import dumped


def packed(method: Any) -> bytes:
    """The method as bytes; `InvalidMethod` names what cannot travel and offers `in_process=True`."""
    try:
        return dumped(method)
    except Exception as error:
        raise InvalidMethod(unshippable(method, f"{type(error).__name__}: {error}")) from error


def unshippable(method: Any, why: str) -> str:
    """Words for a method that cannot be sent."""
    return (
        f"{title(method)} cannot be sent to the process that it would run in ({why}). Define it at "
        "the top of a module, leave out what cannot be pickled (locks, open files, generators), or "
        "pass in_process=True (--in-process): it then runs here, without protection."
    )


def title(method: Any) -> str:
    """What a method is called."""
    name = getattr(method, "name", None) or getattr(method, "__name__", None)
    return str(name or type(method).__name__)


def by_file() -> dict[str, str]:
    """Modules that were loaded from a file which the import path does not lead to: name -> file."""
    roots = {str(Path(p).resolve()) for p in sys.path}
    out = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or name == "__main__" or not isinstance(file, str):
            continue
        path = Path(file)
        found = path.stem == name and str(path.resolve().parent) in roots
        if path.suffix == ".py" and path.stem != "__init__" and not found:
            out[name] = file
    return out


class Files(importlib.abc.MetaPathFinder):
    """Finds those modules in the other process."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's spec, if its file is known."""
        file = self.files.get(name)
        return None if file is None else importlib.util.spec_from_file_location(name, file)
