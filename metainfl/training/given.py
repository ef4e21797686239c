"""Numbers, batches and devices of a recipe as they may be given, numpy's and torch's too."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

import torch

from metainfl.errors import InvalidRecipe


def whole(value: Any, what: str, least: int | None = None) -> int:
    """A whole number, from any type that is one."""
    bound = "" if least is None else f" of at least {least}"
    try:
        found = index(value)
    except (TypeError, ValueError, RuntimeError):
        raise InvalidRecipe(f"{what} must be a whole number{bound}, got {value!r}") from None
    if least is not None and found < least:
        raise InvalidRecipe(f"{what} must be at least {least}, got {found}")
    return found


def number(value: Any, what: str) -> float:
    """A float, from any real number, or an array or tensor that holds one."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InvalidRecipe(f"{what} must be a number, got {value!r}") from None


def rates(value: Any, steps: int) -> float | tuple[float, ...]:
    """One number, or one a step."""
    if callable(value):
        return tuple(number(value(t), f"the rate of step {t}") for t in range(steps))
    many = isinstance(value, Iterable) and not isinstance(value, str)
    if many and getattr(value, "ndim", True):
        return tuple(number(r, f"the rate of step {t}") for t, r in enumerate(value))
    return number(value, "rate")


def batches(value: Any) -> tuple[tuple[int, ...], ...]:
    """The tasks of every step."""
    try:
        rows = [list(b) for b in value]
    except TypeError:
        raise InvalidRecipe(
            f"batches are a list of lists, the tasks of every step, such as [[0, 1], [2, 3]]; got {value!r}"
        ) from None
    return tuple(tuple(whole(k, f"a task of step {t}") for k in b) for t, b in enumerate(rows))


def device(value: Any) -> str:
    """The name of a device that torch knows; whether it is here shows when a run is made."""
    try:
        return str(torch.device(value))
    except (RuntimeError, TypeError) as error:
        words = str(error).strip().splitlines()[0].rstrip(".")
        raise InvalidRecipe(
            f"device is a name such as 'cpu' or 'cuda:0', got {value!r} ({words})"
        ) from None


def optimiser(value: Any) -> None:
    """Refuse what takes no pure step: a class instead of an object, or an optimiser of torch."""
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    if isinstance(value, type):
        raise InvalidRecipe(f"optimiser is an object, not a class: write {name}()")
    missing = [n for n in ("n_moments", "needs_gradient", "step") if not hasattr(value, n)]
    if missing:
        raise InvalidRecipe(
            f"a {name} is no optimiser of metainfl.training: it has no {', '.join(missing)}; take SGD(), "
            "Adam() or AdamW(), or one of your own that has these"
        )
