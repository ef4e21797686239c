"""When sampling ends."""

from __future__ import annotations

from dataclasses import dataclass

from metainfl.errors import InvalidOption
from metainfl.games.estimate import level_in
from metainfl.numbers import POSITIVE, real


@dataclass(frozen=True)
class Stop:
    """Ends sampling at whichever comes first.

    half_width  every row's interval reaches no farther than this to each side, in units of v
    calls       this many subsets were asked for (those asked twice count twice), never more
    seconds     this much time has passed; looked at after every unit, or round of parallel ones
    level       of the intervals
    least       units before an interval is believed
    """

    half_width: float | None = None
    calls: int | None = None
    seconds: float | None = None
    level: float = 0.95
    least: int = 32

    def __post_init__(self) -> None:
        for name in ("half_width", "calls", "seconds"):
            value = getattr(self, name)
            if value is not None:
                real(value, f"stop: {name}", POSITIVE, InvalidOption)
        level_in(self.level)
        if isinstance(self.least, bool) or not isinstance(self.least, int) or self.least < 2:
            raise InvalidOption(f"stop: least is a whole number from 2, got {self.least!r}")

    @property
    def rules(self) -> bool:
        """Whether it ends anything."""
        return any(r is not None for r in (self.half_width, self.calls, self.seconds))
