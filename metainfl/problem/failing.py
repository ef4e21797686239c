"""The mark of an error of one task of a stack, and that task's place: see `stacked` for other names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch import Tensor

from metainfl.errors import MetainflError

E = TypeVar("E", bound=MetainflError)


def of_stack(error: E, k: int) -> E:
    """An error whose words say "task k of its stack"."""
    vars(error)["in_stack"] = k
    return error


@contextmanager
def at(places: Tensor) -> Iterator[None]:
    """Within, an error of "task k of its stack" is one of task places[k]. The mark stays: whoever knows the

    tasks by other names (targets, a batch) says those.
    """
    try:
        yield
    except MetainflError as error:
        k = in_stack(error)
        if k is not None:
            name = int(places[k])
            error.args = (str(error).replace(f"task {k} of its stack", f"task {name}"),)
            if hasattr(error, "task"):
                error.task = name
        raise


def in_stack(error: MetainflError) -> int | None:
    """K, None where it says nothing of a stack."""
    found: int | None = vars(error).get("in_stack")
    return found
