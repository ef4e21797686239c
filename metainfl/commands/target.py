"""Finding a user's method from `pkg.module:object` or `file.py:object`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import typer


def load(target: str, *, callable_only: bool = True) -> Any:
    """What `target` names, a callable unless told otherwise; exits with a sentence when there is none."""
    where, found, name = target.partition(":")
    if not found or not name:
        raise typer.BadParameter(
            f"{target!r} is not of the form package.module:object or file.py:object"
        )
    try:
        module = _from_file(Path(where)) if where.endswith(".py") else _from_name(where)
    except ImportError as error:
        raise typer.BadParameter(f"cannot import {where!r}: {error}") from error
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            have = ", ".join(n for n in dir(module) if not n.startswith("_"))[:200]
            raise typer.BadParameter(f"{where!r} has no {name!r}; it has {have}")
        value = getattr(value, part)
    if callable_only and not callable(value):
        raise typer.BadParameter(f"{target!r} is a {type(value).__name__}, not a callable")
    return value


def _from_name(name: str) -> Any:
    sys.path.insert(0, "")  # as `python -m` does: modules beside the caller
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove("")


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
