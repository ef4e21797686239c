"""One place where a paper, as printed, fails: citation, both readings, and their measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Figures of the printed and the corrected form, in `unit`; `gap` is what must separate them."""

    printed: float
    corrected: float
    unit: str
    gap: float

    @property
    def tells_apart(self) -> bool:
        """The two differ by at least `gap`."""
        return bool(abs(self.printed - self.corrected) >= self.gap)


@dataclass(frozen=True)
class Erratum:
    """`source` cites paper and place; `measure` recomputes its figures."""

    key: str
    source: str
    printed: str
    derived: str
    measure: Callable[[], Measured]
