"""What a call did besides returning, without its answer: kept of every call that is made of a method."""

from __future__ import annotations

from dataclasses import dataclass

from metainfl.oracle.returned import Raised, Returned


@dataclass(frozen=True)
class Besides:
    """Where it was asked, and what it printed, changed in its input and process, and drew at random."""

    where: str
    printed: str
    changed: list[str]
    process: list[str]
    moved: list[str]

    @classmethod
    def of(cls, where: str, found: Returned | Raised) -> Besides:
        """The same of what came back."""
        return cls(where, found.printed, found.changed, found.process, found.moved)
