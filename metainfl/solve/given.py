"""Options of solvers as they may be given, numpy's and torch's too: `InvalidOption` for what is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from metainfl import numbers
from metainfl.errors import InvalidOption, MetainflError


def count(value: Any, name: str, least: int) -> int:
    """A whole number of at least `least`."""
    return numbers.whole(value, name, least, error=InvalidOption)


def count_or_none(value: Any, name: str, least: int) -> int | None:
    """The same, or None."""
    return None if value is None else count(value, name, least)


def positive(value: Any, name: str) -> float:
    """A finite number above 0."""
    return numbers.real(value, name, numbers.POSITIVE, InvalidOption)


def positive_or_none(value: Any, name: str) -> float | None:
    """The same, or None."""
    return None if value is None else positive(value, name)


def share(value: Any, name: str, *, zero: bool = False, one: bool = False) -> float:
    """A number between 0 and 1; the ends where they are allowed."""

    def fits(v: float) -> bool:
        return 0 < v < 1 or (zero and v == 0) or (one and v == 1)

    return numbers.real(value, name, ("a number between 0 and 1", fits), InvalidOption)


def yes_or_no(value: Any, name: str) -> bool:
    """True or False."""
    return numbers.flag(value, name, InvalidOption)


def seed(value: Any) -> int:
    """A seed that torch's generators take."""
    return numbers.seed(value, InvalidOption)


@contextmanager
def own(what: str, takes: str) -> Iterator[None]:
    """Within, a user's function is called, which may raise anything: `InvalidOption` says whose it is."""
    try:
        yield
    except (MetainflError, MemoryError):
        raise
    except Exception as error:
        raise InvalidOption(f"{what} raised {type(error).__name__}: {error}; {takes}") from error
