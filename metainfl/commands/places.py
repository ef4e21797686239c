"""Where results go: whether that can be written, and is nothing else, is known before the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from metainfl.commands.refusal import Refused, reason


def writable_files(places: Mapping[str, Path | None], target: str | None = None) -> None:
    """Refuse files that cannot be written, two that are one, and the user's own file; option -> file."""
    taken: dict[Path, str] = {}
    own = (target or "").partition(":")[0]
    if own and Path(own).is_file():
        taken[Path(own).resolve()] = "your own file"
    for option, path in places.items():
        writable_file(path, option)
        if path is None or (path.exists() and not path.is_file()):
            continue  # a terminal or a pipe may take several
        real = path.resolve()
        if real in taken:
            raise Refused(
                f"{path} is {taken[real]} too, and would be written over; name another file",
                param_hint=option,
            )
        taken[real] = f"the file of {option}"


def writable_file(path: Path | None, option: str) -> None:
    """Refuse a destination that cannot be written, before the work; leaves no file behind."""
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        return  # a terminal, a pipe or a device: opening it would be noticed
    if not path.absolute().parent.is_dir():
        raise Refused(
            f"the folder {path.absolute().parent} does not exist; create it first or name another "
            "place",
            param_hint=option,
        )
    new = not path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise Refused(
            f"cannot write {reason(error)}; name a file in a folder that you may write",
            param_hint=option,
        ) from error
    if new:
        path.resolve().unlink()  # a link stays, what it was to point at goes


def writable_folder(path: Path, option: str) -> None:
    """Create a folder of results if it is missing, or refuse it before the work."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"cannot write results to {reason(error)}; name a folder that you may write",
            param_hint=option,
        ) from error


@contextmanager
def new_folder(path: Path, option: str) -> Iterator[None]:
    """`writable_folder`, gone again if it is new and what is done within fails before writing anything."""
    there = path.exists()
    writable_folder(path, option)
    try:
        yield
    except BaseException:
        if not there and not any(path.iterdir()):
            path.rmdir()
        raise
