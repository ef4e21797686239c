"""Files of the first rank, on every rank: a store goes on everywhere as it stands there, on any disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from metainfl.errors import InvalidOption
from metainfl.problem.files import named
from metainfl.scale.rank import Ranks


def sent(share: Ranks, places: Mapping[Path, Path]) -> None:
    """What the first rank has at each place (a file, a folder, or nothing), put at its new one on all others.

    Nobody goes on before all have it, so that no rank sees what the first one does next.
    """
    known = share.told([_files(old) for old in places] if share.rank == 0 else None)
    for (old, new), files in zip(places.items(), known, strict=True):
        if files is not None and share.rank:
            new.parent.mkdir(parents=True, exist_ok=True)
            if Path() not in files:
                new.mkdir(exist_ok=True)
        for name in files or ():
            content = share.told((old / name).read_bytes() if share.rank == 0 else None)
            if share.rank:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                (new / name).write_bytes(content)


@contextmanager
def own_place(share: Ranks, at: str | Path) -> Iterator[Path]:
    """A store for each rank: `at` itself for the first one, for another one a place that starts as what the
    first one has and goes at the end. Two ranks in one folder would take each other for a second run.
    """
    at = named(at, "store", InvalidOption)
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / at.name
        sent(share, {at: new})
        yield at if share.rank == 0 else new


def _files(place: Path) -> list[Path] | None:
    """Of a folder the names of all files in it, of a file the empty one; None where there is nothing."""
    if place.is_dir():
        return sorted(p.relative_to(place) for p in place.rglob("*") if p.is_file())
    return [Path()] if place.is_file() else None
