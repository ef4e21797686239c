"""A question and its problem: neither lam nor a part of it may be set while the question is answered.

Another thread may set them, and so may a function that was given; an answer would then be made of parts that
belong to different problems. What is set is a new object each time, so nothing is compared by value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from metainfl.errors import ProblemChanged
from metainfl.problem.definition import Definition

P = ParamSpec("P")
R = TypeVar("R")


def steadily(f: Callable[P, R]) -> Callable[P, R]:
    """A function of a problem, at its lam: `ProblemChanged` where that, or a part, was set meanwhile."""
    return _watched(f, ("setting", "_lam"))


def of_steady_parts(f: Callable[P, R]) -> Callable[P, R]:
    """A function of a problem, at a lam that it is given: the same for the parts alone."""
    return _watched(f, ("setting",))


def _watched(f: Callable[P, R], names: tuple[str, ...]) -> Callable[P, R]:
    first = next(iter(signature(f).parameters))  # which may be given by its name

    @wraps(f)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        problem = args[0] if args else kwargs.get(first)
        if not isinstance(problem, Definition):  # says so itself
            return f(*args, **kwargs)
        before = _state(problem, names)
        try:
            found = f(*args, **kwargs)
        except ProblemChanged:
            raise
        except Exception as error:
            _require(problem, before, error)
            raise
        _require(problem, before, None)
        return found

    return asked


def _state(problem: Definition, names: tuple[str, ...]) -> dict[str, tuple[Any, int]]:
    """What stands for lam and for the parts: setting any part makes another setting."""
    return {name: (own := getattr(problem, name), _changes(own)) for name in names}


def _changes(own: Any) -> int:
    """How often a tensor was written to in place."""
    return 0 if getattr(own, "is_inference", bool)() else getattr(own, "_version", 0)


def _require(
    problem: Definition, before: dict[str, tuple[Any, int]], error: Exception | None
) -> None:
    for name, (own, changes) in before.items():
        now = getattr(problem, name)
        if now is not own or _changes(now) != changes:
            what = "lam" if name == "_lam" else "a part of the problem"
            raise ProblemChanged(
                f"{what} was set while this was computed, by another thread or by a function that was "
                "given, so parts of the answer would belong to different problems: ask again, or give each "
                "thread a problem of its own, problem.replaced()"
            ) from error
