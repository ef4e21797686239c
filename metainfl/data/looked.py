"""Which data sets were looked for in a folder, and whether what lies there now is the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
#: sub-folders that a set may lie in
Names = tuple[str, ...]
_looked: ContextVar[list[Names] | None] = ContextVar("looked", default=None)


@contextmanager
def looking() -> Iterator[list[Names]]:
    """Within, every set that is looked for adds its names to what is yielded."""
    found: list[Names] = []
    before = _looked.set(found)
    try:
        yield found
    finally:
        _looked.reset(before)


def look(names: Names) -> None:
    """A set is looked for under these names."""
    found = _looked.get()
    if found is not None and names not in found:
        found.append(names)


def remembered(read: Callable[..., T]) -> Callable[..., T]:
    """`functools.cache` for what reads data: what was looked for the first time counts each time."""
    known: dict[tuple[Any, ...], tuple[T, list[Names]]] = {}

    @wraps(read)
    def again(*args: Any) -> T:
        if args not in known:
            own: list[Names] = []
            try:
                with looking() as own:
                    known[args] = read(*args), own
            finally:  # also where nothing lies there: what was looked for is part of the answer
                for names in own:
                    look(names)
        value, looked = known[args]
        for names in looked:
            look(names)
        return value

    return again


def contents(root: Path | None, looked: Sequence[Sequence[str]]) -> str:
    """A digest of names and sizes of the files of these sets; of their numbers nothing is read.

    Where a set has a folder of its own in `root`, what else lies there counts for nothing.
    """
    if root is None or not root.is_dir():
        return "no folder"
    files: set[tuple[str, int]] = set()
    for names in looked:
        places = [root / n for n in names if (root / n).is_dir()] or [root]
        for place in places:
            for folder, _, own in os.walk(place):
                files |= {_file(Path(folder) / n, root) for n in own}
    text = "\n".join(f"{size} {name}" for name, size in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _file(path: Path, root: Path) -> tuple[str, int]:
    try:
        size = path.stat().st_size
    except OSError:  # a link to nowhere
        size = -1
    return path.relative_to(root).as_posix(), size
