"""The verdict on one method as a page: what it claimed, which checks fail, then everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metainfl.report.document import Section, document, escape, table

WORDS = {
    "fail": "checks fail",
    "xfail": "fail as expected",
    "pass": "checks pass",
    "skip": "checks skipped",
}
HEADINGS = {
    "fail": "What fails",
    "xfail": "What fails as expected",
    "pass": "What passes",
    "skip": "What was skipped, and why",
}


def page(found: Mapping[str, Any], checks: Sequence[Mapping[str, Any]], claim: str) -> str:
    """`found` is the report as plain data; `checks` have status, name, meaning, group and lines."""
    counts = {
        word: n
        for status, word in WORDS.items()
        if (n := sum(c["status"] == status for c in checks)) or status in ("fail", "pass")
    }
    families = "two families, few perturbations (--quick)" if found["quick"] else "all families"
    what = (
        f"metainfl check of {found['method']}, which claims: {claim}. Judged on {families}, seed "
        f"{found['seed']}, in {found['seconds']:.1f} s."
    )
    sections = [Section("verdict", "Verdict", f"<p><b>{escape(found['verdict'])}</b></p>")]
    for status, heading in HEADINGS.items():
        own = [c for c in checks if c["status"] == status]
        if own:
            items = "".join(_item(c) for c in own)
            sections.append(Section(status, heading, f"<ul class='checks {status}'>{items}</ul>"))
    if found["measurements"]:
        columns = list(dict.fromkeys(k for m in found["measurements"] for k in m))
        shown = table("measured", columns, found["measurements"], open_=True)
        sections.append(Section("usefulness", "Usefulness (measured, never judged)", shown))
    return document(found["method"], what, counts, sections, found["environment"])


def _item(check: Mapping[str, Any]) -> str:
    words = "\n".join(check["lines"])
    detail = f"<pre>{escape(words)}</pre>" if words else ""
    return (
        f"<li><b>{escape(check['name'])}</b> <small>{escape(check['group'])}</small><br>"
        f"{escape(check['meaning'])}{detail}</li>"
    )
