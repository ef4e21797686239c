"""What a check found: data first, words second."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["pass", "fail", "skip", "xfail"]


@dataclass(frozen=True)
class Outcome:
    """One check's result. Numbers are nan where they do not apply.

    ratio: median of answer over truth (2, -1 or 1/n name a bug). code: runs the smallest failing case.
    """

    check: str
    status: Status
    message: str = ""
    where: str = ""
    error: float = math.nan
    tolerance: float = math.nan
    tolerance_from: str = ""
    condition: float = math.nan
    ratio: float = math.nan
    diagnosis: str = ""
    code: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data; nan becomes null."""
        return {
            k: (None if isinstance(v, float) and math.isnan(v) else v)
            for k, v in asdict(self).items()
        }

    def lines(self) -> list[str]:
        """The failure in words, one fact a line."""
        out = [self.message] if self.message else []
        if self.where:
            out.append(f"on {self.where}")
        if not math.isnan(self.error):
            source = f" ({self.tolerance_from})" if self.tolerance_from else ""
            out.append(f"relative error {self.error:.2g}, allowed {self.tolerance:.2g}{source}")
        if not math.isnan(self.condition):
            out.append(f"condition number of H {self.condition:.2g}")
        if not math.isnan(self.ratio):
            out.append(f"median ratio of answer to truth {self.ratio:.6g}")
        if self.diagnosis:
            out.append(f"diagnosis: {self.diagnosis}")
        if self.code:
            out.append(f"reproduce: {self.code}")
        return out


class Failed(Exception):
    """Raised inside a check with what it found."""

    def __init__(self, message: str, **found: Any) -> None:
        super().__init__(message)
        self.message, self.found = message, found


class Skipped(Exception):
    """Raised inside a check that needs something the claim does not offer; the text is the reason."""
