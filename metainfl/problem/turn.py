"""One caller at a time, for what threads share: copies and pickles have a turn of their own."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any


class Turn:
    """A lock that the thread which holds it may take again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Turn, ()

    def __getstate__(self) -> tuple[()]:
        """Nothing that a digest should see."""
        return ()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()
