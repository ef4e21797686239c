"""A csv file of a split: which picture it means by a file name and a class."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from metainfl.data.pictures import paths_in
from metainfl.errors import BrokenData, MissingData

_WORDNET = re.compile(r"n\d{8}")  # a folder that is called so is one of a class
_SPLITS = {"train", "val", "validation", "test"}


def named_pictures(path: Path, place: Path, source: str) -> list[tuple[PurePosixPath, str]]:
    """(picture below `place`, class) of each line `filename,label`, in its order.

    A picture is meant by its class and its name: of several with that name the one in a folder of the
    class, and never one in a folder of another class. A folder in the name need not be there. `BrokenData`
    where several are left, where two lines mean one picture, or where this is no such file; `MissingData`
    where none is left.
    """
    rows = _rows(path)
    classes = {c for _, c in rows}
    names = {n.name for n, _ in rows}
    there: dict[str, list[PurePosixPath]] = {}
    for p in paths_in(place, lambda p: p.name in names):
        there.setdefault(p.name, []).append(p)
    found: dict[PurePosixPath, tuple[PurePosixPath, str]] = {}
    missing = []
    for name, own in rows:
        meant = _meant(there.get(name.name, []), name, own, classes)
        if not meant:
            missing.append(f"{name} of class {own}")
        elif len(meant) > 1:
            raise BrokenData(
                f"{path} names {name} of class {own}, which may be {meant[0]} or {meant[1]} below {place}; "
                f"leave one of them there, or put it into a folder called {own}"
            )
        elif meant[0] in found:
            first, other = found[meant[0]]
            raise BrokenData(
                f"{path} names {meant[0]} twice: as {first} of class {other} and as {name} of class {own}; "
                "put the pictures of each class into a folder called like it, or delete one of the lines"
            )
        else:
            found[meant[0]] = name, own
    if missing:
        raise MissingData(
            f"{len(missing)} of the {len(rows)} pictures that {path} names are not below {place}, "
            f"{missing[0]} for one. Wanted: {source}"
        )
    return [(p, own) for p, (_, own) in found.items()]


def _meant(
    there: Sequence[PurePosixPath], name: PurePosixPath, own: str, classes: set[str]
) -> list[PurePosixPath]:
    """Those of one base name that a line may mean."""
    ends = [p for p in there if p.parts[-len(name.parts) :] == name.parts]
    said = {own, *name.parts[:-1]}
    elsewhere = _SPLITS - said if _SPLITS & said else set()
    rest = [p for p in there if elsewhere.isdisjoint(p.parts[:-1])]
    return _of_class(ends, own, said, classes) or _of_class(rest, own, said, classes)


def _of_class(
    there: Sequence[PurePosixPath], own: str, said: set[str], classes: set[str]
) -> list[PurePosixPath]:
    """Those in a folder of the class, or else in none of another: a WordNet name is another's where a line
    says one too; a class in words may be what a folder of WordNet holds.
    """
    of_class = [p for p in there if own in p.parts[:-1]]
    if of_class:
        return of_class
    rest = [p for p in there if classes.isdisjoint(p.parts[:-1])]
    outside = [p for p in rest if not any(map(_WORDNET.fullmatch, {*p.parts[:-1]} - said))]
    return outside if outside or any(map(_WORDNET.fullmatch, said)) else rest


def _rows(path: Path) -> list[tuple[PurePosixPath, str]]:
    """File name and class of each line after the heading."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = [r for r in csv.reader(f) if r]
    except (csv.Error, UnicodeDecodeError) as e:
        raise BrokenData(f"{path} is no csv file: {e}") from e
    rows = rows[1:] if rows and rows[0][0].strip().lower() == "filename" else rows
    if not rows or any(len(r) < 2 or not r[0].strip() or not r[1].strip() for r in rows):
        raise BrokenData(f"{path} must have lines of a file name and a class, after a heading")
    return [(PurePosixPath(r[0].strip()), r[1].strip()) for r in rows]
