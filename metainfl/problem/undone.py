"""Of many like things, those that end in no number: left out and named, they cost the others nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from metainfl.errors import MetainflError

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Undone:
    """Why there is no number: the words of the error that said so."""

    why: str


def ended(f: Callable[..., T], *args: Any) -> T | Undone:
    """f(*args), or why it ends in no number: a fold, an overflow, a solver that stopped.

    What was asked wrongly is an error all the same.
    """
    try:
        return f(*args)
    except MetainflError as error:
        if not isinstance(error, ArithmeticError):
            raise
        return Undone(f"{type(error).__name__}: {error}")


def parted(asked: Sequence[K], found: Sequence[T | Undone]) -> tuple[dict[K, T], dict[K, str]]:
    """What was found of each that was asked, and of the others why there is nothing."""
    pairs = list(zip(asked, found, strict=True))
    done = {k: v for k, v in pairs if not isinstance(v, Undone)}
    return done, {k: v.why for k, v in pairs if isinstance(v, Undone)}
