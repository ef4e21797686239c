"""The mark of an error of one task of a stack: see `stacked`, which says which task that is."""

from __future__ import annotations

from typing import TypeVar

from metainfl.errors import MetainflError

E = TypeVar("E", bound=MetainflError)


def of_stack(error: E, k: int) -> E:
    """An error whose words say "task k of its stack"."""
    vars(error)["in_stack"] = k
    return error


def in_stack(error: MetainflError) -> int | None:
    """K, None where it says nothing of a stack."""
    found: int | None = vars(error).get("in_stack")
    return found
