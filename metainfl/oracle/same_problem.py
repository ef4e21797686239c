"""One problem asked about again is one object to the method, on the other side of a process too.

A problem is sent whole at each call. Where it is the object of the call before, the parts that still are the
same objects are named with it, and the other side puts what is new into the object that it has: a cache of
a method's that knows problems, or tasks, by the object sees there what it would see here.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor


class Sent:
    """What was sent last, and which objects it consisted of."""

    def __init__(self) -> None:
        self.problem: Any = None
        self.parts: dict[str, tuple[Any, int]] = {}

    def same(self, problem: Any) -> list[str] | None:
        """Names of the parts that are those of the call before; None for another problem. Keeps this one."""
        parts = {name: (value, _version(value)) for name, value in vars(problem).items()}
        found = None
        if problem is self.problem:
            known = self.parts
            found = [
                n for n, (v, times) in parts.items()
                if n in known and known[n][0] is v and known[n][1] == times
            ]  # fmt: skip
        self.problem, self.parts = problem, parts
        return found

    def forget(self) -> None:
        """The other side is another process, or its object is no longer what was sent."""
        self.problem, self.parts = None, {}


def taken(problem: Any, same: list[str] | None, before: Any) -> Any:
    """What the method is given: the problem, or that of the call before with what is new in it."""
    if same is None or type(before) is not type(problem):
        return problem
    own = vars(before)
    kept = {name: own[name] for name in same if name in own}
    object.__setattr__(before, "__dict__", {**own, **vars(problem), **kept})
    return before


def _version(value: Any) -> int:
    """How often a tensor was written to."""
    return value._version if isinstance(value, Tensor) and not value.is_inference() else 0
