"""Where the files of a data set lie, and what to say when they do not."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from metainfl.data.looked import look
from metainfl.errors import MissingData
from metainfl.problem import files

VARIABLE = "METAINFL_DATA"


def root_of(directory: str | Path | None) -> Path | None:
    """The folder of data sets: the one given, or that of METAINFL_DATA; None without either."""
    given = directory if directory is not None else os.environ.get(VARIABLE)
    missing = given is None or (isinstance(given, str) and not given)
    return None if missing else files.place(given, "folder of data", MissingData)


def folders(directory: str | Path | None, names: Iterable[str], source: str) -> list[Path]:
    """The existing folders in which a set may lie: `directory` itself and its sub-folders `names`.

    Without `directory` the environment variable METAINFL_DATA is read. `source` says in words what the
    set is and where it is published; `MissingData` repeats it.
    """
    names = tuple(names)
    look(names)
    given = root_of(directory)
    if given is None:
        raise MissingData(
            f"no directory of data: give one, or set {VARIABLE}. Wanted: {source}. Without data, "
            "metainfl.data.read_digits() gives real images that come with scikit-learn"
        )
    root = given
    if not root.is_dir():
        told = "the directory" if directory is not None else VARIABLE
        raise MissingData(f"{told} {str(root)!r} is no directory. Wanted there: {source}")
    places = [root / n for n in names]
    return [p for p in [*places, root] if p.is_dir()]


def first_of(places: Iterable[Path], names: Iterable[str], source: str) -> Path:
    """The first existing file of `names` in `places`; `MissingData` says all that was looked for.

    A folder of such a name is looked into: some archives unpack each file into one that is called like it.
    """
    places, names = list(places), list(names)
    for place in places:
        for name in names:
            if (place / name).is_file():
                return place / name
        for folder in (place / name for name in names):
            for name in names:
                if (folder / name).is_file():
                    return folder / name
    raise MissingData(
        f"none of {', '.join(names)} lies in {' or '.join(str(p) for p in places)}. Wanted: {source}"
    )
