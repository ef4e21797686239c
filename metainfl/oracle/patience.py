"""How long what a call left at work is waited for: it may be on its way out."""

from __future__ import annotations

GRACE = 0.5  # seconds in which what was told to end may do so
SEEN, SHORT = 3, 0.01  # after so many calls in a row that left some, it is given this long
_EVERY: list[Patience] = []


class Patience:
    """With one kind of thing, such as threads; what leaves some at every call is not waited for long."""

    def __init__(self) -> None:
        self.left = 0
        _EVERY.append(self)

    @property
    def seconds(self) -> float:
        """For what the call before left."""
        return GRACE if self.left < SEEN else SHORT

    def told(self, left: bool) -> bool:
        """Whether some was left; returned as it is given."""
        self.left = self.left + 1 if left else 0
        return left


def another_method() -> None:
    """What it leaves is waited for as if no other had left any."""
    for one in _EVERY:
        one.left = 0
