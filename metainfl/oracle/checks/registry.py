"""The list of checks: name, group, what it means in one line, and the function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metainfl.oracle.context import Context

Run = Callable[[Context], None]


@dataclass(frozen=True)
class Check:
    """`run(context)` returns if all is well and raises `Failed` or `Skipped` otherwise."""

    name: str
    group: str
    meaning: str
    run: Run


CHECKS: dict[str, Check] = {}


def check(group: str, meaning: str) -> Callable[[Run], Run]:
    """Register a function as a check under its own name."""

    def add(run: Run) -> Run:
        name = run.__name__
        CHECKS[name] = Check(name, group, meaning, run)
        return run

    return add
