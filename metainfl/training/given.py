"""Numbers, batches and devices of a recipe as they may be given, numpy's and torch's too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor

import metainfl.numbers as numbers
from metainfl.errors import InvalidRecipe
from metainfl.problem.dense import dense
from metainfl.problem.given import said

#: what `Run.sensitivities` has derivatives in
VARIABLES = "task_weight", "support_weight", "query_weight", "support_x", "query_x"
ANY: numbers.Wish = ("a number", lambda v: True)


def whole(value: Any, what: str, least: int | None = None) -> int:
    """A whole number, from any type that is one."""
    return numbers.whole(value, what, least, error=InvalidRecipe)


def number(value: Any, what: str, wish: numbers.Wish = ANY) -> float:
    """A float, from any real number, or an array or tensor that holds one."""
    return numbers.real(value, what, wish, InvalidRecipe)


def yes_or_no(value: Any, what: str) -> bool:
    """True or False, of any library."""
    return numbers.flag(value, what, InvalidRecipe)


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
    except (RuntimeError, TypeError, ValueError) as error:
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
    whole(value.n_moments, f"n_moments of {name}", 0)
    yes_or_no(value.needs_gradient, f"needs_gradient of {name}")


def augmentation(value: Any) -> None:
    """Refuse what draws no inputs: a class instead of an object, or a transform of another library."""
    if isinstance(value, type) or not callable(value) or not is_dataclass(value):
        raise InvalidRecipe(
            "augmentation is an object of metainfl.training.augmentation, Noise(0.1) say, or one of your "
            f"own, a frozen dataclass with __call__(support, query, draw); got {said(value)}"
        )


def vectors(value: Any, like: Tensor) -> Tensor:
    """Seeds of an adjoint (m, p), one a row, as `like` (p,) has them."""
    n = len(like)
    if isinstance(value, Tensor) and not value.is_complex():
        dense("seeds", value, InvalidRecipe)
    if not isinstance(value, Tensor) or value.ndim != 2 or value.shape[1] != n or not len(value):
        shape = tuple(value.shape) if isinstance(value, Tensor) else said(value)
        raise InvalidRecipe(f"seeds must be a tensor (m, {n}), m at least 1, got {shape}")
    if value.is_complex():
        raise InvalidRecipe(f"seeds must be real, got {value.dtype}: ask for both parts")
    if not torch.isfinite(value).all():
        row = int((~torch.isfinite(value).all(1)).nonzero()[0])
        raise InvalidRecipe(f"row {row} of the seeds is not finite: look at where it was made")
    return value.to(like)


def fields(read: Any) -> tuple[str, ...]:
    """Names of the variables that a derivative is asked in."""
    many = isinstance(read, Iterable) and not isinstance(read, str)
    wrong = [r for r in read if r not in VARIABLES] if many else [read]
    if wrong:
        raise InvalidRecipe(f"read is a list of {', '.join(VARIABLES)}; got {said(wrong[0])}")
    return tuple(read)
