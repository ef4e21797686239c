"""Names of files and folders that a user gives: looked at before anything is written, or read."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from metainfl.errors import InvalidProblem, MetainflError
from metainfl.problem.given import said


def named(value: Any, what: str = "file", error: type[MetainflError] = InvalidProblem) -> Path:
    """The path of a file or folder; `error` where it is no name, or one that no file can have."""
    if not isinstance(value, (str, PathLike)):
        raise error(f"the name of a {what} is a word or a pathlib.Path, got {said(value)}")
    path = Path(value)
    if not path.name or "\0" in str(path):
        raise error(f"{str(value)!r} names no {what}: give it a name")
    try:
        path.exists()
    except OSError as why:
        words = (why.strerror or str(why)).lower()
        raise error(f"{str(path)[:60]}... can be no {what} ({words}): give another name") from why
    return path


def new_folder(value: Any, error: type[MetainflError] = InvalidProblem) -> Path:
    """A folder to write into, made if it is missing; `error` where it cannot be."""
    path = named(value, "folder", error)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        words = (why.strerror or str(why)).lower()
        raise error(
            f"{path} can be no folder to write into ({words}): name a folder, or a new one"
        ) from why
    return path
