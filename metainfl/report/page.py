"""The ledger as one HTML page: no network, light and dark, sortable and filterable, fits a phone."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metainfl.ledger.question import Question
from metainfl.report.page_parts import SCRIPT, STYLE
from metainfl.report.style import INK

Row = dict[str, Any]
GUIDE = (
    ("p up to about 2,000", "Form H and solve it densely: exact, and nothing to tune."),
    (
        "p above, condition below 1e4",
        "CG with the tolerance that metainfl advise names; for spectra with few large eigenvalues "
        "precondition it by Nystroem. A Neumann series of the same error costs more products.",
    ),
    (
        "p above, worse conditioned",
        "CG with damping at the smallest eigenvalue you trust; read the damping figure for what that costs.",
    ),
    (
        "no second derivatives to be had",
        "Gauss-Newton, where labels fit: the fit figure shows its error grow from a tenth to all of it.",
    ),
    ("removing more than a tenth of the tasks", "Newton, not the first order, whatever T."),
)


def page(
    answers: Sequence[tuple[Question, list[Row], Path | None]], environment: dict[str, Any]
) -> str:
    """The page; figures are inlined, text in them takes the page's colour."""
    body = [_head(environment), _guide()]
    for question, rows, figure in answers:
        if rows:
            body.append(_section(question, rows, figure))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<title>metainfl: the error ledger</title><link rel='icon' href='data:,'>"
        f"<style>{STYLE}</style></head><body>"
        + "".join(body)
        + f"<script>{SCRIPT}</script></body></html>\n"
    )


def _head(environment: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(_plain(v))}</td></tr>"
        for k, v in environment.items()
    )
    return (
        "<header><h1>The error ledger</h1><button id='theme' type='button'>light / dark</button></header>"
        "<p>What each approximation of meta-learning influence costs in error and time, on problems whose "
        "truth is known. <b>T1</b>: relative error against the exact derivative. <b>T2</b>: against exact "
        "removal, solving again without the datum. <b>LDS</b>: rank correlation of summed influences with "
        "training on random halves. Costs are multiples of one meta-gradient in the same run.</p>"
        f"<details><summary>Computed with</summary><table>{rows}</table></details>"
    )


def _guide() -> str:
    items = "".join(f"<dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd>" for a, b in GUIDE)
    return f"<section><h2>Which one for me?</h2><dl>{items}</dl></section>"


def _section(question: Question, rows: list[Row], figure: Path | None) -> str:
    drawing = ""
    if figure is not None:
        svg = figure.read_text()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
        # ids must differ between figures on one page
        for attribute in ('id="', "url(#", 'href="#'):
            svg = svg.replace(attribute, attribute + question.name + "-")
        drawing = f"<figure role='img' aria-label='{html.escape(question.asks)}'>{svg}</figure>"
    return (
        f"<section id='{question.name}'><h2>{html.escape(question.asks)}</h2>{drawing}"
        f"<p>{html.escape(question.read)}</p>{table(question, rows)}</section>"
    )


def table(question: Question, rows: list[Row]) -> str:
    """Sortable by a click on a column, filterable by words; numbers carry their full value."""
    head = "".join(
        f"<th scope='col' tabindex='0' role='button'>{html.escape(c)}</th>"
        for c in question.columns
    )
    lines = []
    for r in rows:
        if "failed" in r:
            known = [c for c in question.columns if c in r]
            cells = "".join(_cell(c, r[c]) for c in known)
            rest = len(question.columns) - len(known)
            words = html.escape(str(r["failed"]))
            lines.append(f"<tr>{cells}<td colspan='{rest}' class='failed'>{words}</td></tr>")
            continue
        lines.append("<tr>" + "".join(_cell(c, r.get(c)) for c in question.columns) + "</tr>")
    return (
        f"<details{' open' if question.name == 'parts' else ''}><summary>{len(rows)} rows</summary>"
        f"<label>Filter <input type='search' data-for='{question.name}' "
        "placeholder='words, e.g. softmax Gamma'></label>"
        f"<div class='wide'><table class='data' data-name='{question.name}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _cell(column: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "<td>-</td>"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        word = html.escape(str(value))
        kind = f" class='v-{word.split()[0]}'" if column == "verdict" else ""
        return f"<td{kind}>{word}</td>"
    return f"<td class='n' data-v='{value!r}'>{short(value)}</td>"


def short(value: float) -> str:
    """Three digits, powers of ten where they help."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value)}" if abs(value) < 1e5 else f"{value:.0e}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
