"""The checks on one's own problem, by name: functions that return, or raise `Failed` or `Skipped`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metainfl.oracle.own.context import OwnContext


@dataclass(frozen=True)
class OwnCheck:
    """`group`, `meaning`: as of `metainfl.oracle.checks.Check`."""

    group: str
    meaning: str
    run: Callable[[OwnContext], None]


OWN: dict[str, OwnCheck] = {}


def check(group: str, meaning: str) -> Callable[[Callable[[OwnContext], None]], None]:
    """Register under the function's name."""

    def add(run: Callable[[OwnContext], None]) -> None:
        OWN[run.__name__] = OwnCheck(group, meaning, run)

    return add
