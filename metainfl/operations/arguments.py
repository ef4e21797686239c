"""What torch refuses of an operation's arguments, refused by those written here too: broadcasting, or a
default, would make a number of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metainfl.errors import InvalidProblem

REDUCTIONS = ("none", "mean", "sum")


def need(holds: bool, name: str, wanted: str, got: Any) -> None:
    """`InvalidProblem` unless it holds."""
    if not holds:
        raise InvalidProblem(f"{name} in a model or loss needs {wanted}, got {got}")


def one_of(value: Any, names: Sequence[Any], name: str) -> None:
    """A value that is one of the names."""
    need(value in names, name, f"one of {', '.join(map(repr, names))}", repr(value))


def square(A: Tensor, name: str) -> None:
    """Matrices with as many rows as columns."""
    shape = tuple(A.shape)
    need(A.ndim >= 2 and shape[-1] == shape[-2], name, "square matrices (..., n, n)", shape)


def place(dim: int, ndim: int, name: str) -> None:
    """An axis of a tensor, from the front or from behind."""
    need(-ndim <= dim < ndim, name, f"an axis from {-ndim} to {ndim - 1}", dim)
