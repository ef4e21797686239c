"""One process at a time in a folder: the second is told so, and a lock whose process was killed is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from metainfl.errors import InvalidOption


@contextmanager
def alone(folder: Path | None, option: str) -> Iterator[None]:
    """Within, no other process is in here with `folder` (made if need be); None is nobody's.

    `option` is what another folder can be given by. Raises `InvalidOption` at once where there is another
    process, or where nothing can be written. A disk that has no locks is used without one.
    """
    if folder is None:
        yield
        return
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise InvalidOption(
            f"another process is at work in {folder}: wait until it has ended, which leaves its work for "
            f"the same call to go on with, or give {option} another folder"
        ) from None
    except NotImplementedError:
        yield
        return
    except OSError as error:
        raise InvalidOption(
            f"{folder} cannot be written to ({error}): give {option} another folder"
        ) from error
    try:
        yield
    finally:
        # while it is held, so that nobody else's is taken away; and no error in the place of what was raised
        with suppress(OSError):
            if [p.name for p in folder.iterdir()] == [".lock"]:  # nothing came of it
                (folder / ".lock").unlink()
        lock.release()
        if new:
            with suppress(OSError):  # somebody has begun in it
                folder.rmdir()
