"""The one writer of HTML pages: self-contained, no network, light and dark, fits a phone.

Every page has the same order: title, what was run and when, counts, sections (failures first, which is
up to the caller), the terms used, versions and hardware.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from metainfl.plain import as_json
from metainfl.report.glossary import terms
from metainfl.report.page_parts import SCRIPT, STYLE
from metainfl.report.tables import short


@dataclass(frozen=True)
class Section:
    """A part of a page; `body` is HTML, the heading plain text."""

    name: str
    heading: str
    body: str


def document(
    title: str,
    what: str,
    counts: Mapping[str, int],
    sections: Sequence[Section],
    environment: Mapping[str, Any],
    *,
    written: datetime | None = None,
) -> str:
    """The page as text. `what` says in a sentence what was run; `written` is now unless given."""
    time = written or datetime.now(UTC)
    numbers = "".join(
        f"<li class='c-{escape(word.split()[0])}'><b>{n}</b> {escape(word)}</li>"
        for word, n in counts.items()
    )
    versions = environment.get("versions", {})
    known = [f"{name} {versions[name]}" for name in ("metainfl", "torch") if name in versions]
    versions_line = escape("".join(f", {words}" for words in known))
    body = (
        f"<header><h1>{escape(title)}</h1><button id='theme' type='button'>light / dark</button></header>"
        f"<p class='what'>{escape(what)}</p>"
        f"<p class='when'>Written <time>{time:%Y-%m-%d %H:%M} UTC</time>"
        f"{versions_line}</p><ul class='counts'>{numbers}</ul><main>"
        + "".join(
            f"<section id='{escape(s.name)}'><h2>{escape(s.heading)}</h2>{s.body}</section>"
            for s in sections
        )
    )
    words = "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in terms(body))
    glossary = (
        f"<section id='terms'><h2>Terms used here</h2><dl>{words}</dl></section>" if words else ""
    )
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>metainfl: {escape(title)}</title><link rel='icon' href='data:,'>"
        f"<style>{STYLE}</style></head><body>{body}{glossary}{computed_with(environment)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def computed_with(environment: Mapping[str, Any]) -> str:
    """Versions and hardware, folded away."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(str(k))}</th><td>{escape(v if isinstance(v, str) else as_json(v))}"
        "</td></tr>"
        for k, v in environment.items()
    )
    return (
        "<details><summary>Computed with</summary>"
        f"<div class='wide'><table>{rows}</table></div></details>"
    )


def table(
    name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, open_: bool
) -> str:
    """Sortable by a click on a column, filterable by words, in a box that scrolls by itself.

    Numbers carry their full value. A row with an entry "failed" shows it in place of what it lacks.
    """
    head = "".join(f"<th scope='col' tabindex='0' role='button'>{escape(c)}</th>" for c in columns)
    lines = []
    for r in rows:
        shown = [c for c in columns if c in r] if "failed" in r else columns
        cells = "".join(cell(c, r.get(c)) for c in shown)
        if "failed" in r:
            span = max(1, len(columns) - len(shown))
            cells += f"<td colspan='{span}' class='failed'>{escape(str(r['failed']))}</td>"
        lines.append(f"<tr>{cells}</tr>")
    return (
        f"<details{' open' if open_ else ''}><summary>{len(rows)} rows</summary>"
        f"<label>Filter <input type='search' data-for='{escape(name)}' placeholder='words'></label>"
        f"<div class='wide'><table class='data' data-name='{escape(name)}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def cell(column: str, value: Any) -> str:
    """One `td`: a dash where there is nothing, a number that sorts as a number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "<td>-</td>"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        word = escape(str(value))
        kind = f" class='v-{word.split()[0]}'" if column == "verdict" and word.split() else ""
        return f"<td{kind}>{word}</td>"
    return f"<td class='n' data-v='{value!r}'>{short(value)}</td>"


def escape(text: str) -> str:
    """Text as HTML, also inside attributes."""
    return html.escape(text, quote=True)
