"""What was looked at once, a user's own object: it may have no hash, or take no weak reference."""

from __future__ import annotations

from contextlib import suppress
from weakref import WeakSet


class Seen:
    """Nothing is written on what was looked at; what cannot be remembered is looked at again."""

    def __init__(self) -> None:
        self._known: WeakSet[object] = WeakSet()

    def __contains__(self, thing: object) -> bool:
        """Whether it was."""
        try:
            return thing in self._known
        except TypeError:
            return False

    def add(self, thing: object) -> None:
        """From now on."""
        with suppress(TypeError):
            self._known.add(thing)
