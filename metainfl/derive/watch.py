"""One line that says how far a long computation is: on a terminal, or where it is asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from metainfl.errors import InvalidOption
from metainfl.numbers import said

Show = Callable[[str], None]
EVERY = 10.0  # seconds between lines where there is no terminal


@contextmanager
def shown(wanted: bool | Show | None) -> Iterator[Show]:
    """Gives a function of a line: None shows on a terminal only, True also elsewhere, on stderr.

    A function of the caller's own is used as it is.
    """
    if callable(wanted):
        yield wanted
    elif not (wanted is None or isinstance(wanted, bool)):
        raise InvalidOption(
            f"progress is True, False, None, or a function that is told a line; got {said(wanted)}"
        )
    elif wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield lambda line: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("starting") as status:
            yield status.update
    else:
        last = [-EVERY]

        def write(line: str) -> None:
            if time.monotonic() - last[0] >= EVERY:
                last[0] = time.monotonic()
                print(line, file=sys.stderr, flush=True)

        yield write
