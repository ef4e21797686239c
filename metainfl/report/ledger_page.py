"""The error ledger as a page: which one for me, then every question with its figure and table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metainfl.report.document import Section, document, escape, table
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
WHAT = (
    "What each approximation of meta-learning influence costs in error and time, on problems whose truth "
    "is known (metainfl bench)."
)


@dataclass(frozen=True)
class Answer:
    """One question of the ledger with its rows, and the SVG drawn from them."""

    name: str
    asks: str
    read: str
    columns: Sequence[str]
    rows: Sequence[Row]
    figure: Path | None


def page(answers: Sequence[Answer], environment: dict[str, Any], wanted: int | None = None) -> str:
    """The page; `wanted` is the number of cells asked for, more than there are after an interruption."""
    done = sum(len(a.rows) for a in answers)
    failed = [
        (a.name, _words(a, r), str(r["failed"])) for a in answers for r in a.rows if "failed" in r
    ]
    counts = {"cells computed": done, "without a number": len(failed)}
    if wanted is not None and wanted > done:
        counts["not computed yet"] = wanted - done
    sections = []
    if failed:
        sections.append(Section("failed", "Cells without a number, and why", _failed(failed)))
    items = "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in GUIDE)
    sections.append(Section("guide", "Which one for me?", f"<dl>{items}</dl>"))
    sections += [_section(a) for a in answers if a.rows]
    return document("The error ledger", WHAT, counts, sections, environment)


def _failed(cells: Sequence[tuple[str, str, str]]) -> str:
    """Cells under their reason, folded away where there are many."""
    reasons: dict[str, list[str]] = {}
    for question, words, why in cells:
        reasons.setdefault(why, []).append(f"{question}: {words}")
    items = "".join(
        f"<li><b>{escape(why)}</b><pre>{escape(chr(10).join(own))}</pre></li>"
        for why, own in reasons.items()
    )
    shown = " open" if len(cells) <= 20 else ""
    listed = f"<ul class='checks fail'>{items}</ul>"
    return f"<details{shown}><summary>{len(cells)} cells</summary>{listed}</details>"


def _words(answer: Answer, row: Row) -> str:
    known = (row[c] for c in answer.columns if row.get(c) is not None)
    return ", ".join(str(v) for v in known)


def _section(a: Answer) -> Section:
    drawing = ""
    if a.figure is not None:
        svg = a.figure.read_text()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor")  # text takes the page's colour
        # ids must differ between figures on one page
        for attribute in ('id="', "url(#", 'href="#'):
            svg = svg.replace(attribute, attribute + a.name + "-")
        drawing = f"<figure role='img' aria-label='{escape(a.asks)}'>{svg}</figure>"
    shown = table(a.name, a.columns, a.rows, open_=a.name == "parts")
    return Section(a.name, a.asks, f"{drawing}<p>{escape(a.read)}</p>{shown}")
