"""Names of files and folders that a user gives: looked at before anything is written, or read."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from metainfl.errors import InvalidProblem, MetainflError
from metainfl.problem.given import said


def place(value: Any, what: str = "file", error: type[MetainflError] = InvalidProblem) -> Path:
    """The path, "." too, its ~ read; `error` where it is no path, or one that no file can have."""
    if not isinstance(value, (str, PathLike)):
        raise error(f"the name of a {what} is a word or a pathlib.Path, got {said(value)}")
    try:
        path = Path(value)
    except TypeError as why:  # a name in bytes
        raise error(f"the name of a {what} is a word or a pathlib.Path, got {said(value)}") from why
    if value == "" or "\0" in str(path):
        raise error(f"{str(value)!r} names no {what}: give it a name")
    try:
        path = path.expanduser()
        path.exists()
    except (OSError, RuntimeError) as why:
        words = (getattr(why, "strerror", None) or str(why)).lower()
        raise error(f"{str(path)[:60]}... can be no {what} ({words}): give another name") from why
    return path


def named(value: Any, what: str = "file", error: type[MetainflError] = InvalidProblem) -> Path:
    """As `place`, with a name of its own: neither empty nor "."."""
    path = place(value, what, error)
    if not path.name:
        raise error(f"{str(value)!r} names no {what}: give it a name")
    return path


def new_folder(
    value: Any, error: type[MetainflError] = InvalidProblem, what: str = "folder"
) -> Path:
    """A folder to write into, made if it is missing; `error` where it cannot be."""
    path = place(value, what, error)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        words = (why.strerror or str(why)).lower()
        raise error(
            f"{path} can be no {what} to write into ({words}): name a folder, or a new one"
        ) from why
    return path


def written(
    value: Any, text: str | bytes, error: type[MetainflError] = InvalidProblem, what: str = "file"
) -> None:
    """Write a file of text; `error` where that cannot be."""
    path = named(value, what, error)
    try:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as why:
        words = (why.strerror or str(why)).lower()
        raise error(
            f"{path} cannot be written ({words}): name a file in a folder that exists"
        ) from why
