"""The verdict as data: print it, save it as JSON or as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from metainfl.errors import InvalidOption
from metainfl.methods.claim import Claim
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.folding import folded, is_name
from metainfl.oracle.measurements import Measurement
from metainfl.oracle.outcome import Outcome
from metainfl.plain import as_json
from metainfl.problem.files import written
from metainfl.report.environment import environment
from metainfl.report.verdict_page import page as verdict_page

MARK = {"pass": "ok", "fail": "FAIL", "skip": "skip", "xfail": "xfail"}


@dataclass(frozen=True)
class Report:
    """All outcomes of one method; `passed` decides, `measurements` inform."""

    method: str
    claim: Claim
    outcomes: Sequence[Outcome]
    measurements: Sequence[Measurement]
    quick: bool
    seed: int
    seconds: float
    interrupted: bool = False
    limit: float = 60.0
    first: str = ""

    #: what the outcomes' names stand for
    known: ClassVar[Mapping[str, Any]] = CHECKS

    def meaning(self, name: str) -> str:
        """What a check means, in one line."""
        return self.known[name].meaning if name in self.known else "not looked at here"

    @property
    def failures(self) -> list[Outcome]:
        """Checks that failed and were not expected to."""
        return [o for o in self.outcomes if o.status == "fail"]

    @property
    def broken(self) -> list[Outcome]:
        """Checks that the oracle itself could not finish."""
        return [o for o in self.outcomes if o.cause == "oracle"]

    @property
    def groups(self) -> list[list[Outcome]]:
        """Failures, each group led by the check that explains the others."""
        return folded(self.outcomes)

    @property
    def passed(self) -> bool:
        """Nothing failed, something passed, and the run was complete."""
        if self.broken:
            return False
        ran = any(o.status in ("pass", "xfail") for o in self.outcomes)
        return not self.failures and ran and not self.interrupted

    @property
    def diagnosis(self) -> str:
        """What the check of the truth recognised; another check's name only where that one passes."""
        found = [o for o in self.failures if o.diagnosis]
        truth = [o.diagnosis for o in found if o.check == "agrees_with_the_truth"]
        rest = [o.diagnosis for o in found]
        named = [d for d in rest if not d.startswith("no known variant")]
        return (truth or named or rest or [""])[0]

    @property
    def verdict(self) -> str:
        """One line."""
        if self.interrupted:
            return f"interrupted after {len(self.outcomes)} checks"
        if self.passed:
            return f"holds its claim: {self.claim}"
        if self.broken and not self.failures:
            return f"not judged: the oracle itself stopped in {len(self.broken)} checks"
        if not self.failures:
            return "nothing was checked: every check was skipped"
        words = f"; {self.diagnosis}" if self.diagnosis else ""
        raised = next((g[0] for g in self.groups if g[0].cause), None)
        if raised is not None:
            named = is_name(self.diagnosis)
            words = f"{words}; it also {raised.message}" if named else f"; {raised.message}"
        n = len(self.failures)
        return f"does not hold its claim ({self.claim}): {n} check{'s fail' if n > 1 else ' fails'}{words}"

    def __str__(self) -> str:
        """The whole report in plain text."""
        lines = [f"{self.method}: {self.verdict}", ""]
        for lead, *others in self.groups:
            lines.append(f"  FAIL  {lead.check:38} {self.meaning(lead.check)}")
            lines.extend(f"        {line}" for line in lead.lines())
            if others:
                lines.append(
                    "        fails with it (to see one, put its name in the place of the first's):"
                )
                lines.extend(f"          {_short(o, lead)}" for o in others)
        for o in [o for o in self.outcomes if o.status in ("xfail", "pass")]:
            lines.append(f"  {MARK[o.status]:5} {o.check:38} {self.meaning(o.check)}")
            lines.extend(f"        {line}" for line in o.lines())
        skips = [o for o in self.outcomes if o.status == "skip"]
        for reason in dict.fromkeys(o.message for o in skips):
            own = [o.check for o in skips if o.message == reason]
            lines.append(f"  skip  {', '.join(own)}")
            lines.append(f"        {reason}")
        if self.measurements:
            lines += ["", "  usefulness (measured, never judged):"]
            for m in self.measurements:
                floor = "" if m.noise_floor is None else f", noise floor {m.noise_floor:.2f}"
                lines.append(
                    f"        {m.truth} {m.where}: relative error {m.error:.2g}, "
                    f"Spearman {m.spearman:.2f}{floor}"
                )
        counts = {s: sum(o.status == s for o in self.outcomes) for s in MARK}
        total = ", ".join(f"{n} {MARK[s]}" for s, n in counts.items() if n)
        return "\n".join([*lines, "", f"{total} in {self.seconds:.1f} s"])

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "method": self.method,
            "verdict": self.verdict,
            "passed": self.passed,
            "claim": asdict(self.claim),
            "quick": self.quick,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "outcomes": [o.as_dict() for o in self.outcomes],
            "measurements": [m.as_dict() for m in self.measurements],
            "environment": environment(),
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """JSON text, also written to `path` if given."""
        text = as_json(self.as_dict(), indent=1) + "\n"
        if path is not None:
            written(path, text, InvalidOption)
        return text

    def to_html(self, path: str | Path | None = None) -> str:
        """One self-contained page, light and dark, also written to `path` if given."""
        under = {o.check: lead for lead, *others in self.groups for o in others}
        checks = [
            {
                "status": o.status,
                "name": o.check,
                "meaning": self.meaning(o.check),
                "group": self.known[o.check].group if o.check in self.known else "not here",
                "lines": o.lines() if o.check not in under else [_short(o, under[o.check])],
            }
            for o in [o for group in self.groups for o in group]
            + [o for o in self.outcomes if o.status != "fail"]
        ]
        page = verdict_page(self.as_dict(), checks, str(self.claim))
        if path is not None:
            written(path, page, InvalidOption)
        return page


def _short(o: Outcome, lead: Outcome) -> str:
    """A failure that another explains, on one line."""
    if o.cause and o.cause == lead.cause:
        return o.check
    error = "" if math.isnan(o.error) else f", relative error {o.error:.2g}"
    return f"{o.check}: {o.message}{error}"
