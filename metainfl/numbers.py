"""Numbers as a user gives them, of any library: one check each for real, whole, yes or no, and seeds; words
of a few, and functions that are told something.

What is none is refused by its name and with what it should be, in the error type of the room that asks.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Container
from operator import index
from typing import Any

from metainfl.errors import InvalidProblem, MetainflError

Fits = Callable[[float], bool]
Wish = tuple[str, Fits]

FINITE: Wish = ("a finite number", math.isfinite)
POSITIVE: Wish = ("positive and finite", lambda v: math.isfinite(v) and v > 0)
NOT_NEGATIVE: Wish = ("finite and not negative", lambda v: math.isfinite(v) and v >= 0)
BELOW_ONE: Wish = ("a number between 0 and 1", lambda v: 0 < v < 1)
#: what a progress is told
STAGES = "(stages done, stages in all, what comes next)"
#: what torch.Generator.manual_seed takes
SEEDS = -(2**63), 2**64 - 1


def real(
    value: Any, name: str, wish: Wish = FINITE, error: type[MetainflError] = InvalidProblem
) -> float:
    """A real number that fits, from any type that is one, or an array or tensor that holds one."""
    words, fits = wish
    told = f"{name} must be {words}, got {said(value)}"
    if isinstance(value, (str, bytes, complex)):
        raise error(told)
    try:
        found = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as why:
        raise error(told) from why
    if not fits(found):
        raise error(told)
    return found


def whole(
    value: Any,
    name: str,
    least: int | None = None,
    most: int | None = None,
    error: type[MetainflError] = InvalidProblem,
) -> int:
    """A whole number from `least` to `most`, from any type that is one; yes and no are none."""
    bound = "" if least is None else f" of at least {least}"
    bound += "" if most is None else f" and at most {most}"
    told = f"{name} must be a whole number{bound}, got {said(value)}"
    if isinstance(value, bool) or str(getattr(value, "dtype", "")) == "torch.bool":
        raise error(f"{told}: a mask is given as the places that it marks")
    try:
        found = index(value)
    except (TypeError, ValueError, RuntimeError) as why:
        raise error(told) from why
    if (least is not None and found < least) or (most is not None and found > most):
        raise error(told)
    return found


def flag(value: Any, name: str, error: type[MetainflError] = InvalidProblem) -> bool:
    """Yes or no: True, False, 0 or 1 of any library. A word would count as yes, "no" too."""
    told = f"{name} must be True or False, got {said(value)}"
    if isinstance(value, (str, bytes)):
        raise error(told)
    try:
        found = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as why:
        raise error(told) from why
    if found not in (0.0, 1.0):
        raise error(told)
    return bool(found)


def among(value: Any, names: Container[str]) -> bool:
    """Whether it is one of the words; an array, or what has no hash, is none."""
    return isinstance(value, str) and value in names


def seed(value: Any, error: type[MetainflError] = InvalidProblem) -> int:
    """A seed that torch's generators take."""
    return whole(value, "seed", *SEEDS, error)


def function(
    value: Any, name: str, told: str, error: type[MetainflError] = InvalidProblem
) -> Callable[..., Any]:
    """A function, which is `told` what the words say."""
    if not callable(value):
        raise error(f"{name} is a function told {told}; got {said(value)}")
    found: Callable[..., Any] = value
    return found


def said(value: Any) -> str:
    """A value in a few words."""
    tensor = _is_tensor(value)
    if tensor and value.is_nested:
        return "a nested tensor"
    if tensor and value.numel() > 1:
        return f"a tensor {tuple(value.shape)}"
    text = repr(value).splitlines()[0]
    text = text if len(text) <= 40 else f"{text[:40]}..."
    return text if tensor or isinstance(value, (int, float)) else f"{type(value).__name__} {text}"


def _is_tensor(value: Any) -> bool:
    """Of a program that has torch: it is not imported for that, so that a pool's workers start at once."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
