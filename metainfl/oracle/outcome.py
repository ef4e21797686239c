"""What a check found: data first, words second."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["pass", "fail", "skip", "xfail"]


@dataclass(frozen=True)
class Outcome:
    """One check's result. Numbers are nan where they do not apply.

    ratio: median of answer over truth (2, -1 or 1/n name a bug). code: runs the check again.
    cause: why the call gave no answer, with the line of the method's code; checks that share it failed
    for one reason. note: why it may fail although the method is right.
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
    cause: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Words may be a method's own: what no file or terminal takes is written out."""
        for name in ("message", "cause", "diagnosis", "note", "where"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def as_dict(self) -> dict[str, Any]:
        """Plain data; nan becomes null."""
        return {
            k: (None if isinstance(v, float) and math.isnan(v) else v)
            for k, v in asdict(self).items()
        }

    def lines(self) -> list[str]:
        """The failure in words, one fact a line."""
        out = [self.message] if self.message else []
        out += self.cause.split("\n")[1:]
        if self.where:
            out.append(f"on {self.where}")
        if not math.isnan(self.error):
            source = f" ({self.tolerance_from})" if self.tolerance_from else ""
            allowed = (
                "" if math.isnan(self.tolerance) else f", allowed {self.tolerance:.2g}{source}"
            )
            out.append(f"relative error {self.error:.2g}{allowed}")
        if not math.isnan(self.condition):
            out.append(f"condition number of H {self.condition:.2g}")
        if not math.isnan(self.ratio):
            out.append(f"median ratio of answer to truth {self.ratio:.6g}")
        if self.diagnosis:
            out.append(f"diagnosis: {self.diagnosis}")
        if self.note:
            out.append(f"note: {self.note}")
        if self.code:
            out.append(f"reproduce: python -c {shlex.quote(self.code)}")
        return out


class Failed(Exception):
    """Raised inside a check with what it found."""

    def __init__(self, message: str, **found: Any) -> None:
        super().__init__(message)
        self.message, self.found = message, found
        self.call: Any = None  # what else the call did, where it was a call that failed


class Skipped(Exception):
    """Raised inside a check that needs something the claim does not offer; the text is the reason."""


def printable(text: str) -> str:
    """Text with lone surrogates and control characters (but new lines and tabs) as escapes."""
    whole = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(
        c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in whole
    )
